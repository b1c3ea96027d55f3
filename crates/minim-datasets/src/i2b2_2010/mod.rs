//! The i2b2/VA 2010 corpus: discharge summaries and progress notes with problems, tests and treatments, and the relations
//! between them.
//!
//! Uzuner, South, Shen and DuVall, "2010 i2b2/VA challenge on concepts, assertions, and relations in clinical text", JAMIA 18
//! (2011). A note is three files: `<note>.txt`, one sentence a line and its tokens a space apart; `<note>.con`, one concept a
//! line; `<note>.rel`, one relation a line ([`annotations`] has the grammar of the two). The release keeps them so, and
//! [`release`] finds them below any further folders:
//!
//! ```text
//! concept_assertion_relation_training_data/{beth,partners}/{txt/*.txt, concept/*.con, rel/*.rel}
//! reference_standard_for_test_data/{concepts/*.con, rel/*.rel}
//! test_data/*.txt
//! ```
//!
//! Cards: `i2b2-2010-concepts` and `i2b2-2010-relations`.

mod annotations;
pub(crate) mod concepts;
pub(crate) mod relations;
mod release;
mod text;

pub use concepts::I2b2Concepts;
pub use relations::I2b2Relations;

/// The kinds of concept.
const KINDS: [&str; 3] = ["problem", "test", "treatment"];
