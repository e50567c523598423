//! What a mail costs grows with its size and no faster, whatever the mail is.
//!
//! Time is not measured here, for it depends on what else the machine does; the bench does that. Allocations are the
//! same in every run.

#[path = "../benches/bounce/shapes.rs"]
mod shapes;

/// What allocations may add to twice those of half the size.
const SLACK_BYTES: u64 = 64 << 10;

#[test]
fn twice_the_bytes_allocate_at_most_about_twice_as_much() {
    daimon_bounce::read(b""); // what is built once
    let mut faults = Vec::new();
    for shape in shapes::shapes() {
        // Below the bounds of header and letter, where what is not linear would show.
        let [small, large] = [60_000, 120_000].map(|size| {
            let mail = shape.mail(size);
            allocation_counter::measure(|| drop(daimon_bounce::read(&mail)))
        });
        if large.bytes_total > small.bytes_total * 5 / 2 + SLACK_BYTES
            || large.count_total > small.count_total * 5 / 2 + 1_000
        {
            faults.push(format!("{}: {small:?} became {large:?}", shape.name));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_large_mail_needs_no_more_memory_than_a_few_of_its_size() {
    for shape in shapes::shapes() {
        let mail = shape.mail(1_000_000);
        let measured = allocation_counter::measure(|| drop(daimon_bounce::read(&mail)));
        assert!(measured.bytes_max < 20_000_000, "{}: {measured:?}", shape.name);
    }
}
