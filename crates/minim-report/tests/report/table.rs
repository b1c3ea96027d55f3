//! Aggregation against numbers by hand, the terminal's table, and the CSV read back.

use minim_report::{Measure, Table, findings};

use crate::sample;

#[test]
fn seeds_are_aggregated_as_by_hand() {
    let records: Vec<_> = [(12, 0.70, 10.0), (34, 0.90, 30.0), (56, 0.75, 14.0)]
        .into_iter()
        .map(|(seed, score, train_s)| {
            let mut record = sample::one();
            record.seed = seed;
            record.run.seed = seed;
            record.scores.test.insert("macro_f1".into(), score);
            if let Some(cost) = &mut record.cost {
                cost.train_s = train_s;
            }
            record
        })
        .collect();
    let table = Table::from_records(&records);
    assert_eq!(table.tasks().len(), 1);
    let task = &table.tasks()[0];
    assert_eq!(task.choices.len(), 1);
    let choice = &task.choices[0];
    let score = task.score(choice).expect("all three runs have the score");
    assert_eq!((score.n, score.median, score.low, score.high), (3, 0.75, 0.70, 0.90));
    assert_eq!(choice.cost(Measure::TrainS), Some(14.0));
    assert_eq!(choice.finished.len(), 3);
    assert_eq!(task.majority_score(), Some(0.434));
    assert!(table.to_text(200).contains("0.750 (0.700–0.900) *"), "{}", table.to_text(200));
}

#[test]
fn other_settings_are_another_row() {
    let first = sample::one();
    let mut second = sample::one();
    second.run.training.epochs = 9;
    second.run_id = second.run.id();
    let table = Table::from_records(&[first, second]);
    let choices = &table.tasks()[0].choices;
    let differs: Vec<_> = choices.iter().map(|c| (c.method_label(), c.differs.clone())).collect();
    assert_eq!(
        differs,
        [
            ("full #1".to_owned(), vec!["training.epochs = 3".to_owned()]),
            ("full #2".to_owned(), vec!["training.epochs = 9".to_owned()])
        ]
    );
}

#[test]
fn order_of_records_does_not_matter() {
    let mut records = sample::grid(&[12, 34]);
    let table = Table::from_records(&records).to_text(160);
    records.reverse();
    assert_eq!(Table::from_records(&records).to_text(160), table);
}

#[test]
fn text_fits_the_terminal_and_shows_failures() {
    let table = Table::from_records(&sample::grid(&[12]));
    for width in [80, 100, 160] {
        let text = table.to_text(width);
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(width), "{width}: {widest:?}\n{text}");
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let failed = "failed: synthetic-2x128 · ia3 (seed 12): data/ner/train.txt.conll:17: 4 columns where";
        assert!(flat.contains(failed), "{text}");
    }
    let wide = table.to_text(180);
    for head in [
        "entity F1",
        "precision",
        "AUROC",
        "majority",
        "trainable",
        "% of all",
        "adapter",
        "train s",
        "to best s",
        "tokens/s",
        "peak MiB",
        "keep",
    ] {
        assert!(wide.contains(head), "{head} is missing:\n{wide}");
    }
    assert!(!wide.contains("Left out"), "{wide}");
}

#[test]
fn csv_reads_back_equal() {
    let mut records = sample::grid(&[12, 34]);
    records[0].error = Some("a \"quoted\", comma\nand a second line".into());
    let table = Table::from_records(&records);
    let text = table.to_csv().expect("rows of equal length");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().expect("a header").clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    assert_eq!(rows.len(), records.len());
    for (row, record) in rows.iter().zip(table.records()) {
        let field = |name: &str| {
            let at = header.iter().position(|known| known == name);
            &row[at.unwrap_or_else(|| panic!("no column {name}"))]
        };
        let number = |name: &str| field(name).parse::<f64>().ok();
        assert_eq!(field("run_id"), record.run_id);
        assert_eq!(field("error"), record.error.as_deref().unwrap_or_default());
        assert_eq!(number("train_s"), record.cost.as_ref().map(|c| c.train_s));
        assert_eq!(number("kept_bytes"), record.cost.as_ref().map(|c| c.kept_bytes as f64));
        assert_eq!(number("trainable_parameters"), record.parameters.map(|p| p.trainable as f64));
        for metric in ["macro_f1", "auroc", "entity_precision", "micro_f1"] {
            assert_eq!(number(&format!("test_{metric}")), record.scores.test.get(metric).copied());
        }
        let interval = record.scores.test_interval.as_ref();
        assert_eq!(number("score_low"), interval.map(|interval| interval.low));
        assert_eq!(number("score_high"), interval.map(|interval| interval.high));
        assert_eq!(number("test_select_score"), record.scores.test.get(&record.run.task.select).copied());
    }
}

#[test]
fn findings_name_the_cheapest_within_the_margin() {
    let mut best = sample::one();
    best.scores.test.insert("macro_f1".into(), 0.80);
    let cheap = |name: &str, score: f64, kept: u64| {
        let mut record = sample::one();
        record.run.method.name = name.into();
        record.scores.test.insert("macro_f1".into(), score);
        if let Some(cost) = &mut record.cost {
            cost.kept_bytes = kept;
        }
        record
    };
    let records = [best, cheap("near", 0.785, 5000), cheap("far", 0.77, 10), cheap("poor", 0.40, 1)];
    let table = Table::from_records(&records);
    let found = findings(&table);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].best.method, "full");
    let (_, least) = found[0].cheapest.iter().find(|(m, _)| *m == Measure::KeptBytes).expect("all runs kept bytes");
    assert_eq!(least.method, "near");
    assert_eq!(found[0].above_majority, Some((3, 4)));
}

#[test]
fn nothing_makes_an_empty_table() {
    let table = Table::from_records(&[]);
    assert_eq!(table.to_text(80), "no runs\n");
    assert_eq!(table.to_csv().expect("a header").lines().count(), 1);
}
