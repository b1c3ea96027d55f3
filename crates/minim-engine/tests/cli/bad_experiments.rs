//! Experiments that cannot be run.

use crate::scratch::Scratch;
use crate::tasks::TEXTS;

const LORA: &str = r#"name = "lora", kind = "lora", rank = 4, targets = ["query", "value"]"#;

#[test]
fn a_mistake_in_an_experiment_is_named_with_its_line() {
    let scratch = Scratch::new();
    TEXTS.write(&scratch, LORA);
    let sound = scratch.read("texts.toml");
    for (from, to, line, says) in [
        ("batch_size = 8", "batchsize = 8", 8, &["unknown key `batchsize` in [training]", "`batch_size`"][..]),
        ("max_length", "maxlength", 4, &["unknown key `maxlength` in [[task]]", "`max_length`"]),
        ("rank = 4", "rnak = 4", 5, &["unknown key `rnak` in [[method]]", "`rank`"]),
        ("seeds =", "seed =", 2, &["unknown key `seed`", "`seeds`"]),
        ("rank = 4", "rank = 0", 5, &["`rank` in [[method]]", "at least 1", "found 0"]),
        ("rank = 4", "rank = \"four\"", 5, &["`rank` in [[method]]", "a whole number"]),
        ("epochs = 3", "epochs = 0", 7, &["`epochs` in [training]", "at least 1", "found 0"]),
        ("learning_rate = 1e-2", "learning_rate = -1.0", 10, &["`learning_rate`", "above 0"]),
        ("kind = \"lora\"", "kind = \"laro\"", 5, &["\"laro\" is not known", "\"lora\""]),
        ("seeds = [1]", "seeds = [1", 3, &[]),
    ] {
        assert!(sound.contains(from), "{from}");
        scratch.write("broken.toml", sound.replacen(from, to, 1));
        let place = format!("broken.toml:{line}: ");
        scratch.refused_saying("train broken.toml --out out", &[says, &[&place]].concat());
    }
    assert!(scratch.files("out").is_empty(), "nothing is written for an experiment that is refused");
}

#[test]
fn settings_that_do_not_fit_model_or_data_are_refused_before_training() {
    let scratch = Scratch::new();
    TEXTS.write(&scratch, LORA);
    let sound = scratch.read("texts.toml");
    for (from, to, says) in [
        ("[1]", "[1, 2]", &["broken.toml", "expands to 2 runs", "minim train takes one"][..]),
        ("\"prepared-csv\"", "\"prepared-cvs\"", &["unknown dataset `prepared-cvs`", "did you mean `prepared-csv`?"]),
        ("data = \"texts\"", "data = \"notes\"", &["notes: not found", "train.csv"]),
        (
            "[\"query\", \"value\"]",
            "[\"nothing\"]",
            &["broken.toml: method", "no linear layer matches the targets nothing", "query, value"],
        ),
        (
            "max_length = 32",
            "max_length = 65",
            &["broken.toml: task texts", "max_length 65", "the model's 64 positions"],
        ),
        ("max_length = 32", "max_length = 32, select = \"f2\"", &["task texts", "\"f2\"", "macro_f1"]),
        ("\"sequence-classification\"", "\"ner\"", &["task texts", "prepared-csv"]),
        ("epochs = 3", "epochs = 3\nprecision = \"bf16\"", &["bf16", "cpu", "fp32"]),
        ("path = \"seq\"", "path = \"none\"", &["none/config.json"]),
    ] {
        assert!(sound.contains(from), "{from}");
        scratch.write("broken.toml", sound.replacen(from, to, 1));
        scratch.refused_saying("train broken.toml --out out --device cpu", says);
    }
    scratch.refused_saying("train nowhere.toml --out out", &["nowhere.toml", "cannot read the experiment"]);
    assert!(scratch.files("out").is_empty(), "nothing is written for a run that is refused");
}
