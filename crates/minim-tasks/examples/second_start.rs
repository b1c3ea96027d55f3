//! Reading and tokenizing a large split, first and again, for measuring (docs/benchmarks/data.md).
//!
//! `second_start write DATA NOTES SEED` writes synthetic notes of some 300 words as `prepared-csv`; `second_start encode DATA MODEL MAX_LENGTH
//! [STRIDE]` does what `minim train` does with them before it loads a model, and says where the ids came from.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use minim_datasets::{Dataset, synthetic};
use minim_tasks::{Cache, Pool, Task, Tokenizer};

const WORDS: usize = 300;

fn write(data: &Path, notes: usize, seed: u64) -> Result<(), Box<dyn std::error::Error>> {
    std::fs::create_dir_all(data)?;
    // One endless text, cut into notes: a synthetic note by itself is shorter.
    let mut texts = synthetic::notes(usize::MAX, seed);
    for (file, count) in [("train.csv", notes), ("valid.csv", 100), ("test.csv", 100)] {
        let mut rows = "id,text,label\n".to_owned();
        for index in 0..count {
            let mut text = String::new();
            while text.split_whitespace().count() < WORDS {
                text.extend(texts.next());
                text.push('\n');
            }
            writeln!(rows, "{file}-{index},\"{}\",{}", text.replace('"', "\"\""), index % 2)?;
        }
        std::fs::write(data.join(file), rows)?;
    }
    Ok(())
}

fn encode(
    data: &Path,
    model: &Path,
    max_length: usize,
    stride: Option<usize>,
) -> Result<(), Box<dyn std::error::Error>> {
    let Dataset::Sequence(splits) = minim_datasets::read("prepared-csv", data)? else {
        return Err("prepared-csv holds texts".into());
    };
    let tokenizer = Tokenizer::from_folder(model)?;
    let task = Task::new(minim_datasets::Kind::Sequence, splits.labels, max_length, None)?;
    let task = match stride {
        Some(overlap) => task.in_windows(overlap, Pool::Mean)?,
        None => task,
    };
    for (name, examples) in [("train", &splits.train), ("validation", &splits.validation), ("test", &splits.test)] {
        let (encoded, origin) = Cache::beside(data).encode_all(&task, &examples[..], &tokenizer)?;
        let windows = encoded.iter().flat_map(|example| &example.windows);
        let (count, pieces) = windows.fold((0, 0), |(count, pieces), window| (count + 1, pieces + window.len()));
        println!("{name}: {} notes, {count} windows, {pieces} pieces, {origin:?}", encoded.len());
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| arguments.get(at).and_then(|argument| argument.parse().ok());
    let done = match (&arguments[..], number(2), number(3)) {
        ([verb, data, ..], Some(notes), Some(seed)) if verb == "write" => write(Path::new(data), notes, seed as u64),
        ([verb, data, model, ..], _, Some(max_length)) if verb == "encode" => {
            encode(Path::new(data), Path::new(model), max_length, number(4))
        }
        _ => {
            eprintln!("usage: second_start write DATA NOTES SEED, or encode DATA MODEL MAX_LENGTH [STRIDE]");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
