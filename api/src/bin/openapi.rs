//! Prints the `OpenAPI` document, for `make openapi`. Needs no settings.

#[expect(clippy::print_stdout, reason = "the answer of the program, not a log line")]
fn main() -> anyhow::Result<()> {
    print!("{}", daimon_api::document_json()?);
    Ok(())
}
