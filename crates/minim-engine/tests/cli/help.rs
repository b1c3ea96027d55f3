//! The help of every verb.

use std::collections::BTreeSet;

use crate::scratch::Scratch;

const VERBS: [(&str, &[&str]); 12] = [
    (
        "combine",
        &["--adapter <DIR>", "--weight <W>", "--how <HOW>", "--density <SHARE>", "--sign <SIGN>", "--out <DIR>"],
    ),
    ("bench", &["--config <FILE>", "--adapter <ADAPTER>", "--layers <LAYERS>", "--device <DEVICE>"]),
    ("train", &["<EXPERIMENT>", "--out <DIR>", "--no-cache", "--device <DEVICE>"]),
    ("compare", &["--run <DIR>", "--data <FILE>", "--device <DEVICE>"]),
    ("lengths", &["--model <DIR>", "--data <DIR>", "--format <FORMAT>"]),
    ("evaluate", &["--run <DIR>", "--data <FILE>", "--device <DEVICE>"]),
    ("predict", &["--run <DIR>", "--input <FILE>", "--output <FILE>", "--device <DEVICE>"]),
    (
        "logits",
        &[
            "--model <DIR>",
            "--adapter <[NAME=]DIR>",
            "--base <BASE>",
            "--batch-size <N>",
            "--task <TASK>",
            "--labels <",
            "--max-length <",
            "--input <FILE.jsonl>",
            "--device <",
        ],
    ),
    (
        "count",
        &["--config <FILE>", "--task <TASK>", "--labels <", "--adapter <", "--rank <", "--targets <", "--format <"],
    ),
    ("export", &["--run <DIR>", "--to <TO>", "--out <DIR>", "--device <DEVICE>"]),
    ("pretrain", &["--texts <", "--out <", "--device <DEVICE>"]),
    ("selfcheck", &["--fixtures <DIR>", "--out <DIR>", "--device <DEVICE>"]),
];

#[test]
fn the_help_of_every_verb_names_its_arguments() {
    let scratch = Scratch::new();
    for (verb, arguments) in VERBS {
        let help = scratch.done(&format!("{verb} --help"));
        for argument in arguments {
            assert!(help.contains(argument), "no {argument} in the help of {verb}: {help}");
        }
    }
}

#[test]
fn the_help_lists_exactly_these_verbs() {
    let help = Scratch::new().done("--help");
    let commands =
        help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("a list of commands");
    let listed: BTreeSet<&str> = commands.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let expected: BTreeSet<&str> = VERBS.iter().map(|(verb, _)| *verb).chain(["help"]).collect();
    assert_eq!(listed, expected);
}

#[test]
fn a_verb_or_an_argument_that_is_not_there_exits_with_2() {
    let scratch = Scratch::new();
    for arguments in ["", "tune", "train", "count --config x --task seq-cls --labels two --adapter lora"] {
        let finished = scratch.minim(arguments);
        assert_eq!(finished.code, Some(2), "minim {arguments}");
        assert!(
            finished.stdout.is_empty() && finished.stderr.contains("--help"),
            "minim {arguments}: {}",
            finished.stderr
        );
    }
}
