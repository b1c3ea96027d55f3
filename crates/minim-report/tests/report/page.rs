//! The page: escaped, self-contained, honest about its data.

use minim_experiment::Record;
use minim_report::{Options, Table, html, write};

use crate::sample;

fn options() -> Options {
    Options {
        title: "Made-up records".into(),
        intro: vec!["No run is behind this page: its numbers come from a formula in a test.".into()],
        command: Some("cargo xtask quickstart --out \"results/a & b\"".into()),
    }
}

#[test]
fn everything_is_escaped() {
    const EVIL: &str = "<img src=x onerror='alert(1)'>&\"";
    let mut record = sample::one();
    record.run.experiment = EVIL.into();
    record.run.model.name = EVIL.into();
    record.run.task.name = EVIL.into();
    record.run.method.name = EVIL.into();
    record.git_commit = Some(EVIL.into());
    record.created_utc = EVIL.into();
    record.notes = vec![EVIL.into()];
    record.per_label[0].label = EVIL.into();
    record.run.task.select = EVIL.into();
    record.scores.test.insert(EVIL.into(), 0.5);
    record.curve[0].validation.insert(EVIL.into(), 0.5);
    if let Some(data) = &mut record.data {
        data.dataset = EVIL.into();
        data.labels[0] = EVIL.into();
    }
    if let Some(hardware) = &mut record.hardware {
        hardware.cpu = EVIL.into();
        hardware.device_name = "<b>other</b>".into();
    }
    if let Some(versions) = &mut record.versions {
        versions.rustc = EVIL.into();
    }
    let mut second = record.clone();
    second.run.training.epochs = 7;
    second.run.training.learning_rate = 1e-5;
    let failed = Record::failed(record.run.clone(), EVIL, EVIL);
    let options = Options { title: EVIL.into(), intro: vec![EVIL.into()], command: Some(EVIL.into()) };
    let page = html(&[record, second, failed], &options);
    assert!(!page.contains("<img") && !page.contains("onerror='") && !page.contains("<b>other"));
    assert!(page.contains("&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&amp;&quot;"));
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    let page = html(&sample::grid(&[12]), &options());
    for outside in ["src=", "url(", "@import", "<link", "<iframe"] {
        assert!(!page.contains(outside), "the page has {outside}");
    }
    // The only addresses are names of XML namespaces.
    for at in page.match_indices("http").map(|(at, _)| &page[at..]) {
        assert!(at.starts_with("http://www.w3.org/2000/svg") || at.starts_with("http-equiv"), "{}", &at[..40]);
    }
}

#[test]
fn ids_are_unique() {
    let page = html(&sample::grid(&[12]), &options());
    let mut ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
    assert!(all > 20);
}

#[test]
fn synthetic_data_is_called_synthetic() {
    let mut records = sample::grid(&[12]);
    let note = "say nothing about clinical quality";
    assert!(html(&records, &options()).contains("All texts behind this page were generated"));
    for record in &mut records {
        if let Some(data) = &mut record.data
            && record.run.task.name != "synthetic-ner"
        {
            data.synthetic = false;
        }
    }
    let page = html(&records, &options());
    assert!(page.contains("The texts of <b>synthetic-ner</b> were generated") && page.contains(note));
    for record in &mut records {
        if let Some(data) = &mut record.data {
            data.synthetic = false;
        }
    }
    assert!(!html(&records, &options()).contains(note));
}

#[test]
fn a_failed_sweep_still_makes_a_page() {
    let mut records = sample::grid(&[12]);
    for record in &mut records {
        *record = Record::failed(record.run.clone(), "no memory left", "2001-02-03T04:05:06Z");
    }
    let page = html(&records, &options());
    assert!(page.contains("No run finished with a score."));
    assert_eq!(page.matches("<b>failed</b> – seed 12: no memory left").count(), records.len());
    assert!(html(&[], &options()).ends_with("</html>\n"));
}

#[test]
fn the_files_are_written() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    let records = sample::grid(&[12, 34, 56]);
    let written = write(&folder, &records, &options()).expect("the folder can be written");
    assert_eq!(written.figures.len(), 9);
    let csv = std::fs::read_to_string(&written.csv).expect("table.csv");
    assert_eq!(csv, Table::from_records(&records).to_csv().expect("rows of equal length"));
    let page = std::fs::read_to_string(&written.html).expect("report.html");
    assert_eq!(page, html(&records, &options()));
    let single = folder.join("single");
    write(&single, &sample::grid(&[12]), &options()).expect("the folder can be written");

    let mut odd = sample::one();
    odd.run.task.name = "../up".into();
    let written_odd = write(&folder.join("odd"), &[odd], &options()).expect("the folder can be written");
    assert!(written_odd.figures.iter().all(|path| path.parent() == Some(&folder.join("odd/figures"))));

    let file = written.csv.join("below-a-file");
    let error = write(&file, &records, &options()).expect_err("a file is no folder");
    assert!(error.to_string().contains("below-a-file"), "{error}");
}
