//! What an experiment file may say, what it means, and what is said about a mistake in it.

use std::path::Path;

use super::*;

const GRID: &str = r#"name = "ncbi"
seeds = [12, 34]

[[model]]
name = "bert-tiny"
path = "models/bert-tiny"

[[model]]
name = "scratch"
path = "models/bert-tiny"
init = "random"

[[task]]
name = "disease"
kind = "ner"
dataset = "ncbi-disease"
data = "../data/ncbi-disease"

[[task]]
name = "ddi"
kind = "relation-extraction"
dataset = "ddi-2013"
data = "../data/ddi-2013"
negative_label = "false"
negatives_per_positive = 3

[[method]]
name = "lora-r4"
kind = "lora"
rank = 4
learning_rate = 2e-3

[[method]]
name = "full"
kind = "full"

[training]
epochs = 5
evaluate_every = 100

[[override]]
method = "full"
learning_rate = 5e-4

[[override]]
method = "full"
task = "ddi"
epochs = 2
max_steps = 1_000
"#;

fn parse(text: &str) -> Result<Experiment, Error> {
    Experiment::parse(text, Path::new("plans/ncbi.toml"))
}

/// Asserts that GRID with `from` replaced by `to` is refused with `message`.
#[track_caller]
fn check(from: &str, to: &str, message: &str) {
    assert!(GRID.contains(from), "no {from:?} in the grid");
    let text = GRID.replacen(from, to, 1);
    let error = parse(&text).expect_err("a mistake").to_string();
    assert_eq!(error, format!("plans/ncbi.toml:{message}"));
}

#[test]
fn the_grid_expands_in_the_order_of_the_file() {
    let runs = parse(GRID).expect("a grid").runs();
    let ids: Vec<String> = runs.iter().map(Run::id).collect();
    let heads: Vec<&str> = ids.iter().map(|id| id.rsplit_once('-').expect("a hash at the end").0).collect();
    assert_eq!(
        heads,
        [
            "bert-tiny-lora-r4-disease-s12",
            "bert-tiny-lora-r4-disease-s34",
            "bert-tiny-full-disease-s12",
            "bert-tiny-full-disease-s34",
            "scratch-lora-r4-disease-s12",
            "scratch-lora-r4-disease-s34",
            "scratch-full-disease-s12",
            "scratch-full-disease-s34",
            "bert-tiny-lora-r4-ddi-s12",
            "bert-tiny-lora-r4-ddi-s34",
            "bert-tiny-full-ddi-s12",
            "bert-tiny-full-ddi-s34",
            "scratch-lora-r4-ddi-s12",
            "scratch-lora-r4-ddi-s34",
            "scratch-full-ddi-s12",
            "scratch-full-ddi-s34",
        ]
    );
}

#[test]
fn the_most_specific_setting_wins() {
    let runs = parse(GRID).expect("a grid").runs();
    let (lora, full, full_ddi) = (&runs[0], &runs[2], &runs[10]);
    assert_eq!(lora.training.learning_rate, 2e-3);
    assert_eq!(lora.training.epochs, 5);
    assert_eq!(lora.training.evaluate_every, EvaluateEvery::Steps(100));
    assert_eq!(lora.method.learning_rate, None);
    let variant = Default::default();
    let expected = Method::Lora { rank: 4, alpha: 16.0, dropout: 0.1, targets: Vec::new(), variant };
    assert_eq!(lora.method.method, expected);
    assert_eq!(full.training.learning_rate, 5e-4);
    assert_eq!(full.training.epochs, 5);
    assert_eq!(full_ddi.training.learning_rate, 5e-4);
    assert_eq!(full_ddi.training.epochs, 2);
    assert_eq!(full_ddi.training.max_steps, Some(1000));
    assert_eq!(full_ddi.task.select, "micro_f1");
    assert_eq!(full_ddi.task.negatives_per_positive, Some(3.0));
}

#[test]
fn an_override_beats_a_methods_own_learning_rate() {
    let text = GRID.replace("method = \"full\"\nlearning", "method = \"lora-r4\"\nlearning");
    assert_eq!(parse(&text).expect("a grid").runs()[0].training.learning_rate, 5e-4);
}

#[test]
fn paths_start_at_the_files_folder() {
    let run = parse(GRID).expect("a grid").runs().remove(0);
    assert_eq!(&*run.model.path, Path::new("plans/models/bert-tiny"));
    assert_eq!(run.model.path.written(), Path::new("models/bert-tiny"));
    assert_eq!(&*run.task.data, Path::new("plans/../data/ncbi-disease"));
}

#[test]
fn which_layers_ia3_takes_by_default_is_left_to_the_model() {
    let text = GRID.replace("kind = \"lora\"\nrank = 4", "kind = \"ia3\"");
    let run = parse(&text).expect("a grid").runs().remove(0);
    assert_eq!(run.method.method, Method::Ia3 { targets: Vec::new(), feedforward: None });
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_known_one() {
    check("seeds", "sedes", "2: unknown key `sedes` in the experiment; the nearest known key is `seeds`");
    check(
        "epochs = 5",
        "epochs = 5\nbatchsize = 8",
        "39: unknown key `batchsize` in [training]; the nearest known key is `batch_size`",
    );
    check("rank = 4", "ranks = 4", "30: unknown key `ranks` in [[method]]; the nearest known key is `rank`");
    check("init =", "int =", "11: unknown key `int` in [[model]]; the nearest known key is `init`");
    check(
        "negative_label",
        "negative_lable",
        "24: unknown key `negative_lable` in [[task]]; the nearest known key is `negative_label`",
    );
    check("max_steps", "max_step", "49: unknown key `max_step` in [[override]]; the nearest known key is `max_steps`");
}

#[test]
fn a_name_that_is_not_known_is_reported_with_the_nearest() {
    check(
        "\"ner\"",
        "\"nre\"",
        "15: `kind` in [[task]]: \"nre\" is not known; the nearest of sequence-classification, ner, \
         relation-extraction is \"ner\"",
    );
    check(
        "\"lora\"",
        "\"lroa\"",
        "29: `kind` in [[method]]: \"lroa\" is not known; the nearest of lora, adalora, ia3, vera, bottleneck, ln-tuning, \
         prompt-tuning, prefix-tuning, p-tuning, bitfit, full, head is \"lora\"",
    );
    check(
        "method = \"full\"\ntask = \"ddi\"",
        "method = \"fool\"\ntask = \"ddi\"",
        "46: `method` in [[override]]: \"fool\" is not known; the nearest of lora-r4, full is \"full\"",
    );
}

#[test]
fn a_value_out_of_range_is_reported_with_its_range() {
    check("rank = 4", "rank = 0", "30: `rank` in [[method]]: expected a whole number of at least 1, found 0");
    check("rank = 4", "dropout = 1.0", "30: `dropout` in [[method]]: expected a number in [0, 1), found 1.0");
    check("epochs = 5", "epochs = 0", "38: `epochs` in [training]: expected a whole number of at least 1, found 0");
    check(
        "epochs = 5",
        "batch_size = 0",
        "38: `batch_size` in [training]: expected a whole number of at least 1, found 0",
    );
    check("epochs = 5", "warmup_ratio = 1", "38: `warmup_ratio` in [training]: expected a number in [0, 1), found 1");
    check("2e-3", "-2e-3", "31: `learning_rate` in [[method]]: expected a learning rate above 0, found -2e-3");
    check("2e-3", "nan", "31: `learning_rate` in [[method]]: expected a learning rate above 0, found nan");
    check(
        "rank = 4",
        "rank = \"4\"",
        "30: `rank` in [[method]]: expected a whole number of at least 1, found a string",
    );
    check(
        "evaluate_every = 100",
        "evaluate_every = \"step\"",
        "39: `evaluate_every` in [training]: expected \"epoch\" or a number of steps above 0",
    );
    check(
        "negatives_per_positive = 3",
        "max_length = 2",
        "25: `max_length` in [[task]]: expected a whole number of at least 3, found 2",
    );
}

#[test]
fn lists_and_names_must_make_a_grid() {
    check("[12, 34]", "[]", "2: `seeds` in the experiment: expected at least one seed, found an empty list");
    check("[12, 34]", "[12, 12]", "2: `seeds` in the experiment: seed 12 stands there twice");
    check(
        "[12, 34]",
        "[-1]",
        "2: `seeds` in the experiment: expected a seed: a whole number from 0 to 2^63 - 1, found -1",
    );
    check("\"scratch\"", "\"bert-tiny\"", "9: `name` in [[model]]: \"bert-tiny\" is the name of an earlier [[model]]");
    check(
        "\"scratch\"",
        "\"From scratch\"",
        "9: `name` in [[model]]: \"From scratch\" is no slug: expected at most 64 lower-case letters, digits, \
         `-`, `_` and `.`, a letter or digit first",
    );
    check("path = \"models/bert-tiny\"\n", "", "4: [[model]] needs the key `path`");
}

#[test]
fn keys_of_another_kind_are_refused() {
    check(
        "kind = \"full\"",
        "kind = \"full\"\nrank = 8",
        "36: `rank` in [[method]]: methods of kind \"full\" have no such key",
    );
    check(
        "data = \"../data/ncbi-disease\"",
        "data = \"d\"\nnegative_label = \"O\"",
        "18: `negative_label` in [[task]]: only tasks of kind \"relation-extraction\" have it",
    );
    check("learning_rate = 5e-4\n", "", "41: an [[override]] needs at least one key of [training] to set");
}

/// The `[[task]]` of GRID for entities, with more keys.
fn entities(keys: &str) -> String {
    GRID.replacen("data = \"../data/ncbi-disease\"", &format!("data = \"d\"\n{keys}"), 1)
}

#[test]
fn windows_are_resolved_and_a_plan_without_them_is_as_it_was() {
    let task = |text: &str| parse(text).expect("a grid").runs().remove(0).task;
    let cut = task(GRID);
    assert_eq!((cut.long, cut.stride, cut.pool, cut.few_shot, cut.report), (Long::Cut, None, None, None, None));
    let json = serde_json::to_string(&cut).expect("JSON");
    for key in ["long", "stride", "pool", "few_shot", "report"] {
        assert!(!json.contains(key), "{key} in {json}");
    }
    let windows = task(&entities("long = \"windows\""));
    assert_eq!((windows.long, windows.stride, windows.pool), (Long::Windows, Some(32), None));
    let texts = GRID.replacen("\"ner\"", "\"sequence-classification\"\nlong = \"windows\"\nstride = 0", 1);
    assert_eq!((task(&texts).stride, task(&texts).pool), (Some(0), Some(Pool::Mean)));
    let run = |text: &str| parse(text).expect("a grid").runs().remove(0);
    let explicit = run(&entities("long = \"windows\"\nstride = 32"));
    assert_eq!(run(&entities("long = \"windows\"")).id(), explicit.id(), "a default spelt out is no other run");
    let cut = run(&entities("long = \"cut\""));
    assert_eq!(run(&entities("")).id(), cut.id());
    assert_ne!(explicit.id(), cut.id());
    assert_ne!(run(&entities("few_shot = 16")).id(), cut.id());
    let resolved = Experiment::parse(&explicit.to_toml(), Path::new("run.toml")).expect("a plan").runs().remove(0);
    assert_eq!(resolved.id(), explicit.id());
}

#[test]
fn deidentification_is_asked_for_or_follows_from_the_dataset() {
    let task = |text: &str| parse(text).expect("a grid").runs().remove(0).task;
    assert!(!task(GRID).is_deidentification());
    assert!(task(&entities("report = \"deidentification\"")).is_deidentification());
    let phi = task(&GRID.replacen("dataset = \"ncbi-disease\"", "dataset = \"i2b2-2014-phi\"", 1));
    assert!(phi.is_deidentification() && phi.report.is_none());
}

#[test]
fn keys_that_do_not_go_together_are_refused() {
    let data = "data = \"../data/ncbi-disease\"";
    check(data, "data = \"d\"\nstride = 4", "18: `stride` in [[task]]: needs `long = \"windows\"` beside it");
    check(
        data,
        "data = \"d\"\nlong = \"windows\"\nstride = 126",
        "19: `stride` in [[task]]: is 126, expected at most max_length - 3 = 125",
    );
    check(
        data,
        "data = \"d\"\nlong = \"windows\"\npool = \"max\"",
        "19: `pool` in [[task]]: only tasks of kind \"sequence-classification\" have it",
    );
    check(
        "negatives_per_positive = 3",
        "long = \"windows\"",
        "25: `long` in [[task]]: relations are not read in windows: a long text is cut around its two mentions, which must be \
         seen together",
    );
    check(
        data,
        "data = \"d\"\ntrain_limit = 4\nfew_shot = 4",
        "19: `few_shot` in [[task]]: stands beside `train_limit`; expected one of the two",
    );
    check(
        "negatives_per_positive = 3",
        "report = \"deidentification\"",
        "25: `report` in [[task]]: only tasks of kind \"ner\" have it",
    );
}

#[test]
fn a_quantised_base_is_for_methods_that_freeze_it() {
    let quantised = GRID.replace("epochs = 5", "epochs = 5\nbase_precision = \"nf4\"");
    let error = parse(&quantised).expect_err("full fine-tuning").to_string();
    assert!(error.contains("method full") && error.contains("cannot be trained"), "{error}");
    let spared = quantised.replace("learning_rate = 5e-4", "base_precision = \"fp32\"");
    let runs = parse(&spared).expect("a grid").runs();
    let held = |method: &str| {
        let run = runs.iter().find(|run| run.method.name == method).expect("a run");
        run.training.base_precision
    };
    assert_eq!((held("lora-r4"), held("full")), (Some(BasePrecision::Nf4), Some(BasePrecision::Fp32)));
    check(
        "epochs = 5",
        "epochs = 5\nbase_precision = \"int4\"",
        "39: `base_precision` in [training]: \"int4\" is not known; the nearest of fp32, bf16, int8, nf4 is \"int8\"",
    );
}

#[test]
fn a_file_that_is_no_toml_is_reported_with_its_line() {
    let error = parse("name = \"a\"\nseeds = [1,\n[training]\n").expect_err("broken TOML");
    let text = error.to_string();
    assert!(text.starts_with("plans/ncbi.toml:"), "{text}");
    assert!(!text.contains('\n'), "{text}");
    assert!(matches!(error, Error::Toml { line: 2 | 3, .. }), "{text}");
}

#[test]
fn a_run_written_as_a_file_expands_to_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = folder.path().join("plan.toml");
    std::fs::write(&plan, GRID).expect("written");
    let elsewhere = folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).expect("a folder");
    for run in Experiment::read(&plan).expect("a grid").runs() {
        let file = elsewhere.join("run.toml");
        std::fs::write(&file, run.to_toml()).expect("written");
        let again = Experiment::read(&file).expect("a plan of one run").runs();
        assert_eq!(again, std::slice::from_ref(&run));
        assert_eq!(again[0].id(), run.id());
    }
}

#[test]
fn variants_of_lora_and_the_other_methods_survive_a_run_file() {
    let lora = "kind = \"lora\"\nrank = 4";
    let variant = "use_rslora = true\nuse_dora = true\nfreeze_a = true\nlr_ratio = 8\nbias = \"lora_only\"\n\
                   rank_pattern = { \"layer.0.*\" = 2 }\nalpha_pattern = { query = 3.5 }\n\
                   targets = [\"query\"]\nexclude_modules = [\"0.query\"]\nlayers_to_transform = [0, 1]\n\
                   layers_pattern = [\"layer\"]\ninit_lora_weights = \"pissa_niter_4\"";
    let expected = LoraVariant {
        use_rslora: true,
        use_dora: true,
        freeze_a: true,
        lr_ratio: Some(8.0),
        bias: Some(Biases::LoraOnly),
        rank_pattern: [("layer.0.*".into(), 2)].into(),
        alpha_pattern: [("query".into(), 3.5)].into(),
        exclude_modules: vec!["0.query".into()],
        layers_to_transform: vec![0, 1],
        layers_pattern: vec!["layer".into()],
        init_lora_weights: Some(Start::PissaNiter(4)),
    };
    let vera = Method::Vera { rank: 7, dropout: 0.0, d_initial: 0.1, projection_prng_key: 3, targets: Vec::new() };
    let schedule = AdaLoraSchedule {
        init_r: 6,
        target_r: 3,
        tinit: 2,
        tfinal: 0,
        delta_t: 5,
        beta1: 0.85,
        beta2: 0.85,
        orth_reg_weight: 0.5,
    };
    let pfeiffer = Method::Bottleneck {
        placement: Placement::Pfeiffer,
        bottleneck_size: 5,
        non_linearity: NonLinearity::Relu,
        targets: Vec::new(),
    };
    let adalora = Method::AdaLora { alpha: 4.0, dropout: 0.0, targets: Vec::new(), schedule };
    let targets = vec!["query".into()];
    for (settings, method) in [
        (
            format!("{lora}\n{variant}"),
            Method::Lora { rank: 4, alpha: 16.0, dropout: 0.1, targets, variant: Box::new(expected) },
        ),
        ("kind = \"vera\"\nrank = 7\nprojection_prng_key = 3".into(), vera),
        ("kind = \"adalora\"\nalpha = 4\ninit_r = 6\ntarget_r = 3\ntinit = 2\ndelta_t = 5".into(), adalora),
        ("kind = \"bottleneck\"\nplacement = \"pfeiffer\"\nbottleneck_size = 5".into(), pfeiffer),
        (
            "kind = \"prompt-tuning\"\nprompt_tuning_init = \"text\"\nprompt_tuning_init_text = \"Which?\"".into(),
            Method::PromptTuning {
                num_virtual_tokens: 20,
                prompt_tuning_init: PromptStart::Text,
                prompt_tuning_init_text: Some("Which?".into()),
            },
        ),
        (
            "kind = \"prefix-tuning\"\nnum_virtual_tokens = 5\nprefix_projection = true\nencoder_hidden_size = 9"
                .into(),
            Method::PrefixTuning { num_virtual_tokens: 5, prefix_projection: true, encoder_hidden_size: Some(9) },
        ),
        (
            "kind = \"p-tuning\"\nencoder = \"lstm\"\nencoder_num_layers = 1\nencoder_dropout = 0.5".into(),
            Method::PTuning {
                num_virtual_tokens: 20,
                encoder: PromptEncoder::Lstm,
                encoder_hidden_size: None,
                encoder_num_layers: Some(1),
                encoder_dropout: Some(0.5),
            },
        ),
        ("kind = \"ln-tuning\"".into(), Method::LnTuning { targets: Vec::new() }),
        ("kind = \"bitfit\"".into(), Method::BitFit),
    ] {
        let run = parse(&GRID.replace(lora, &settings)).expect("a grid").runs().remove(0);
        assert_eq!(run.method.method, method);
        let again = parse(&run.to_toml()).expect("a plan of one run").runs();
        assert_eq!(again[0].method, run.method);
        let json = serde_json::to_string(&run).expect("JSON");
        assert_eq!(serde_json::from_str::<Run>(&json).expect("a run").method, run.method);
    }
}

#[test]
fn settings_of_lora_that_mean_nothing_are_refused() {
    for (settings, says) in [
        ("rank = 4\nlayers_pattern = [\"layer\"]", "means nothing without `layers_to_transform`"),
        ("rank = 4\nlayers_to_transform = []", "expected at least one number, found an empty list"),
        ("rank = 4\nrank_pattern = { query = 0 }", "expected a whole number of at least 1, found 0"),
        ("rank = 4\ninit_r = 4", "methods of kind \"lora\" have no such key"),
        ("rank = 4\nlr_ratio = 0", "expected a number above 0, found 0"),
        ("rank = 4\ninit_lora_weights = \"pissa\"\nstart = \"x\"", "`start` in [[method]]: an adapter that started by"),
        ("rank = 4\ninit_lora_weights = \"pissa_niter_x\"", "expected \"pissa\", \"pissa_niter_N\""),
        ("rank = 4\nd_initial = 0.2", "methods of kind \"lora\" have no such key"),
    ] {
        let error = parse(&GRID.replace("rank = 4", settings)).expect_err("no plan").to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn settings_of_virtual_tokens_that_mean_nothing_are_refused() {
    let lora = "kind = \"lora\"\nrank = 4";
    for (settings, says) in [
        ("kind = \"prompt-tuning\"\nnum_virtual_tokens = 0", "expected a whole number of at least 1, found 0"),
        ("kind = \"prompt-tuning\"\nprompt_tuning_init = \"text\"", "expected `prompt_tuning_init_text` beside it"),
        ("kind = \"prompt-tuning\"\nprompt_tuning_init_text = \"x\"", "means nothing without `prompt_tuning_init"),
        ("kind = \"prefix-tuning\"\nencoder_hidden_size = 8", "means nothing without `prefix_projection = true`"),
        ("kind = \"p-tuning\"\nencoder_dropout = 0.1", "means nothing without `encoder = \"lstm\"`"),
        ("kind = \"p-tuning\"\ntargets = [\"query\"]", "methods of kind \"p-tuning\" have no such key"),
    ] {
        let error = parse(&GRID.replace(lora, settings)).expect_err("no plan").to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn every_key_is_documented() {
    let page = include_str!("../../../../docs/experiment.md");
    let keys = [
        &super::TOP[..],
        &ModelSpec::KEYS,
        &TaskSpec::KEYS,
        &MethodSpec::KEYS.concat(),
        &TrainingPatch::KEYS,
        &super::MATCHERS,
    ];
    for key in keys.concat() {
        assert!(page.contains(&format!("`{key}`")), "{key}");
    }
}
