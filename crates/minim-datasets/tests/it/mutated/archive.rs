//! A small whole archive for every reader, all synthetic; also what the fuzz targets start from.

use std::fs;
use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;
use minim_datasets::synthetic::{self, Sizes, Synthetic, archive_names, write_archive};
use tempfile::TempDir;

use super::FIXTURES;

/// The archive of a reader, in a new folder.
pub(crate) fn archive(name: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path();
    let sizes = Sizes { train: 6, validation: 3, test: 3 };
    let written = match name {
        // The twins of MIMIC are large; these tables are made by hand, and have every hard case.
        "mimic3-mortality" | "mimic3-los" => {
            copy("hard3", root);
            Ok(())
        }
        "mimic4-mortality" | "mimic4-los" => {
            copy("hard4/hosp", root);
            copy("hard4/note", root);
            if name == "mimic4-los" {
                unpack(root);
            }
            Ok(())
        }
        "icd9-triage" | "mednli" => write_archive(name, root, 16, 4),
        _ if archive_names().any(|archive| archive == name) => write_archive(name, root, 5, 4),
        "prepared-csv" => synthetic::write(Synthetic::Mortality, root, sizes, 4),
        "prepared-conll" => synthetic::write(Synthetic::Concepts, root, sizes, 4),
        "prepared-relations-tsv" => synthetic::write(Synthetic::Relations, root, sizes, 4),
        _ => {
            by_hand(name, root);
            Ok(())
        }
    };
    written.unwrap_or_else(|error| panic!("{name}: {error}"));
    folder
}

/// Hand-made tables of MIMIC.
fn copy(tables: &str, root: &Path) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(FIXTURES).join(tables);
    for entry in fs::read_dir(folder).expect("the fixtures of the workspace") {
        let path = entry.expect("an entry").path();
        if let Some(name) = path.file_name().filter(|_| path.is_file()) {
            fs::copy(&path, root.join(name)).expect("a writable folder");
        }
    }
}

/// The packed tables of a folder as they are without packing.
fn unpack(root: &Path) {
    for name in ["admissions.csv", "discharge.csv"] {
        let packed = root.join(format!("{name}.gz"));
        let mut text = Vec::new();
        let file = fs::File::open(&packed).expect("a packed table");
        MultiGzDecoder::new(file).read_to_end(&mut text).expect("whole");
        fs::write(root.join(name), text).expect("a writable folder");
        fs::remove_file(packed).expect("a writable folder");
    }
}

/// The corpora without a twin, a few made-up examples each.
fn by_hand(name: &str, root: &Path) {
    let write = |file: &str, text: &str| fs::write(root.join(file), text).expect("a writable folder");
    match name {
        "ncbi-disease" => {
            let sentence =
                "Patients\tO\nwith\tO\nmarbled\tB-Disease\nkneecap\tI-Disease\nsyndrome\tI-Disease\n.\tO\n\n";
            for file in ["train.tsv", "devel.tsv", "test.tsv"] {
                write(file, &sentence.repeat(3));
            }
        }
        "negex" => {
            let mut text = "Report No.\tConcept\tSentence\tNegation\n".to_owned();
            for report in 1..24 {
                text.push_str(&format!(
                    "{report}\tpurple cough\tThere is no PURPLE COUGH, {report} days on.\tNegated\n"
                ));
                text.push_str(&format!("{report}\tloud elbow\t\"Says \"\"ow\"\"; LOUD ELBOW.\"\tAffirmed\n"));
            }
            write("annotations.tsv", &text);
        }
        "ddi-2013" => {
            for number in 0..12 {
                let id = format!("DDI-DrugBank.d{number}");
                write(&format!("{number}.xml"), &ddi(&id));
            }
        }
        "jsonl" => {
            for (split, document) in [("train", 1), ("validation", 2), ("test", 3)] {
                write(
                    &format!("{split}.jsonl"),
                    &format!(
                        "{{\"id\": \"n{document}#1\", \"text\": \"Took zorbadryl for the purple cough é.\", \"text_pair\": \"Has \\\"it\\\" again.\", \"label\": \"yes\"}}\n\
                     {{\"id\": \"n{document}#2\", \"text\": \"Never took any zorbadryl at all.\", \"label\": \"no\"}}\n"
                    ),
                );
            }
            write("labels.json", "[\"no\", \"yes\"]\n");
        }
        _ => panic!("no archive of {name}"),
    }
}

fn ddi(id: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<document id=\"{id}\">\n\
         <sentence id=\"{id}.s0\" text=\"Zorbadryl &amp; mellowine may raise quietamine levels.\">\n\
         <entity id=\"{id}.s0.e0\" charOffset=\"0-8\" type=\"drug\" text=\"Zorbadryl\"/>\n\
         <entity id=\"{id}.s0.e1\" charOffset=\"12-20\" type=\"brand\" text=\"mellowine\"/>\n\
         <entity id=\"{id}.s0.e2\" charOffset=\"32-41\" type=\"drug\" text=\"quietamine\"/>\n\
         <pair id=\"{id}.s0.p0\" e1=\"{id}.s0.e0\" e2=\"{id}.s0.e1\" ddi=\"false\"/>\n\
         <pair id=\"{id}.s0.p1\" e1=\"{id}.s0.e0\" e2=\"{id}.s0.e2\" ddi=\"true\" type=\"mechanism\"/>\n\
         </sentence>\n</document>\n"
    )
}
