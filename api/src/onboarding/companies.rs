//! Which company a row means: one that is there, one that an earlier row has named, or a new one.
//!
//! What another system calls it decides, then its name. So the same file can be sent again and again, and nobody is doubled.

use std::collections::BTreeMap;

use daimon_domain::tenant::Tenant;

use crate::tenants::NewTenant;

/// A company that is known by now.
pub(super) struct Known {
    name: String,
    references: BTreeMap<String, String>,
    /// The row that named it first, and the language it asked for.
    first: Option<(u32, NewTenant)>,
    /// It is there.
    pub(super) tenant: Option<Tenant>,
}

impl Known {
    /// What it is made of when it is not there yet.
    pub(super) fn to_be_made(&self) -> Option<NewTenant> {
        self.first.as_ref().map(|(_, new)| NewTenant { external_refs: self.references.clone(), ..new.clone() })
    }

    /// The one that is there, as it is called by now, where that is more than was known of it.
    pub(super) fn newly_called(&mut self) -> Option<&mut Tenant> {
        let tenant = self.tenant.as_mut().filter(|tenant| tenant.external_refs != self.references)?;
        tenant.external_refs.clone_from(&self.references);
        Some(tenant)
    }

    /// From now on another system's other id means another company of the same name.
    fn is_called(&mut self, asked: &BTreeMap<String, String>) {
        for (system, id) in asked {
            self.references.entry(system.clone()).or_insert_with(|| id.clone());
        }
    }
}

/// All of them.
#[derive(Default)]
pub(super) struct Companies(Vec<Known>);

/// What is wrong with a company: the field and a sentence.
pub(super) type Wrong = (&'static str, String);

impl Companies {
    /// Those that are there.
    pub(super) fn new(tenants: Vec<Tenant>) -> Self {
        let known = |tenant: Tenant| Known {
            name: tenant.name.as_str().to_owned(),
            references: tenant.external_refs.clone(),
            first: None,
            tenant: Some(tenant),
        };
        Self(tenants.into_iter().map(known).collect())
    }

    /// The one that a row means, by its place.
    pub(super) fn find(&mut self, row: u32, company: &NewTenant) -> Result<usize, Wrong> {
        let name = company.name.as_str();
        let asked = &company.external_refs;
        let is_called = |known: &Known| asked.iter().any(|(system, id)| known.references.get(system) == Some(id));
        let by_reference: Vec<usize> = self.places(is_called);
        let found = match by_reference.as_slice() {
            [one] => Some(*one),
            [] => self.by_name(name, asked)?,
            _several => return Err(("external_refs", "several of your tenants are called so".to_owned())),
        };
        let Some(at) = found else {
            self.0.push(Known {
                name: name.to_owned(),
                references: asked.clone(),
                first: Some((row, company.clone())),
                tenant: None,
            });
            return Ok(self.0.len().saturating_sub(1));
        };
        if let Some(known) = self.0.get_mut(at) {
            match &known.first {
                None => known.first = Some((row, company.clone())),
                Some((first, _)) if known.tenant.is_none() && known.name != name => {
                    return Err(("name", format!("row {first} calls this company otherwise")));
                }
                Some((first, said)) => {
                    if let (Some(then), Some(now)) = (said.language, company.language)
                        && then != now
                    {
                        return Err(("language", format!("row {first} says another language of this company")));
                    }
                }
            }
            known.is_called(asked);
        }
        Ok(at)
    }

    fn by_name(&self, name: &str, asked: &BTreeMap<String, String>) -> Result<Option<usize>, Wrong> {
        // One that the same system calls otherwise is another company of the same name.
        let is_other = |known: &Known| {
            asked.iter().any(|(system, id)| known.references.get(system).is_some_and(|other| other != id))
        };
        match self.places(|known| known.name == name && !is_other(known)).as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(*one)),
            _several => {
                Err(("name", "several of your tenants have this name: say what another system calls it".to_owned()))
            }
        }
    }

    fn places(&self, is_one: impl Fn(&Known) -> bool) -> Vec<usize> {
        self.0.iter().enumerate().filter(|(_, known)| is_one(known)).map(|(at, _)| at).collect()
    }

    /// The one at that place.
    pub(super) fn at(&mut self, place: usize) -> Option<&mut Known> {
        self.0.get_mut(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn company(name: &str, id: &str) -> NewTenant {
        let references = if id.is_empty() { serde_json::json!({}) } else { serde_json::json!({"psa": id}) };
        serde_json::from_value(serde_json::json!({"name": name, "external_refs": references})).unwrap()
    }

    fn there(name: &str, id: &str) -> Tenant {
        let new = company(name, id);
        Tenant {
            id: daimon_domain::id::TenantId::from_uuid(uuid::Uuid::nil()),
            name: new.name,
            language: daimon_domain::tenant::Language::English,
            external_refs: new.external_refs,
            groups: std::collections::BTreeSet::new(),
            created_at: chrono::DateTime::UNIX_EPOCH,
            is_deleting: false,
            version: 1,
        }
    }

    #[test]
    fn what_another_system_calls_it_decides_and_then_its_name() {
        let mut all = Companies::new(vec![there("A", "1"), there("B", "")]);
        assert_eq!(all.find(2, &company("Renamed", "1")), Ok(0));
        assert_eq!(all.find(3, &company("B", "")), Ok(1));
        assert_eq!(all.find(4, &company("B", "2")), Ok(1), "it had no id yet");
        assert_eq!(
            all.at(1).and_then(Known::newly_called).map(|one| one.external_refs.clone()),
            Some([("psa".into(), "2".into())].into())
        );
        assert!(all.at(1).and_then(Known::newly_called).is_none(), "once");
        assert_eq!(all.find(5, &company("A", "")), Ok(0));
        assert_eq!(all.find(6, &company("A", "7")), Ok(2), "another of the same name");
        assert_eq!(all.find(7, &company("A", "7")), Ok(2));
        assert_eq!(all.find(8, &company("A", "")).unwrap_err().0, "name", "which of both?");
    }

    #[test]
    fn two_companies_of_one_name_that_another_system_tells_apart_are_two() {
        for known in [vec![there("Müller", "")], Vec::new()] {
            let mut all = Companies::new(known);
            assert_eq!(all.find(2, &company("Müller", "")), Ok(0));
            assert_eq!(all.find(3, &company("Müller", "17")), Ok(0));
            assert_eq!(all.find(4, &company("Müller", "42")), Ok(1));
            assert_eq!(all.find(5, &company("Müller", "17")), Ok(0));
        }
    }

    #[test]
    fn rows_that_contradict_each_other_are_told_so() {
        let mut all = Companies::default();
        assert_eq!(all.find(2, &company("A", "1")), Ok(0));
        assert_eq!(all.find(3, &company("B", "1")), Err(("name", "row 2 calls this company otherwise".to_owned())));
    }
}
