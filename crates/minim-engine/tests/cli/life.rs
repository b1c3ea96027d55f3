//! What becomes of an adapter after its training: trained on, put beside others on one base, kept away from what it does not belong to.

use serde_json::Value;

use crate::scratch::{Scratch, furthest, json_lines, numbers};
use crate::tasks::{TEXTS, WORDS};

const LORA: &str = r#"name = "lora", kind = "lora", rank = 4, alpha = 8"#;

/// Trains and returns the run's folder.
fn trained(scratch: &Scratch, method: &str) -> String {
    TEXTS.write(scratch, method);
    scratch.write("in.jsonl", TEXTS.test_inputs());
    scratch.done("train texts.toml --out out");
    format!("out/{}", scratch.record("out").run_id)
}

fn all_numbers(printed: &str) -> Vec<f64> {
    json_lines(printed).iter().flat_map(numbers).collect()
}

const LOGITS: &str = "logits --task seq-cls --labels 3 --input in.jsonl --max-length 32";

#[test]
fn an_adapter_is_kept_off_another_base() {
    let scratch = Scratch::new();
    let run = trained(&scratch, LORA);
    scratch.done(&format!("export --run {run} --to peft --out exported"));
    let mut weights = scratch.files("seq")["model.safetensors"].clone();
    // The first value behind the header: the names are in the order of the alphabet, and the backbone's come first.
    let header = u64::from_le_bytes(weights[..8].try_into().unwrap()) as usize;
    weights[8 + header] ^= 1;
    scratch.write("seq/model.safetensors", weights);
    let says = ["minim.json: the adapter was trained on something else", "the base's weights (seq, sha256:"];
    scratch.refused_saying(&format!("{LOGITS} --model seq --adapter exported"), &says);
    scratch.refused_saying(&format!("evaluate --run {run} --data texts/test.csv"), &says);
    // Without the note, it is on trust: peft writes none.
    scratch.remove("exported/minim.json");
    scratch.done(&format!("{LOGITS} --model seq --adapter exported"));
}

#[test]
fn an_adapter_is_kept_off_another_tokenizer_and_another_label_set() {
    let scratch = Scratch::new();
    let run = trained(&scratch, LORA);
    let evaluate = format!("evaluate --run {run} --data texts/test.csv");
    scratch.done(&evaluate);

    let tokenizer = scratch.read("seq/tokenizer.json");
    scratch.edit("seq/tokenizer.json", |json| json + "\n");
    scratch.refused_saying(&evaluate, &["minim.json", "the tokenizer's files are not those it was trained with"]);
    scratch.write("seq/tokenizer.json", tokenizer);

    let state = format!("{run}/state.json");
    let before = scratch.read(&state);
    scratch.edit(&state, |state| state.replace("\"possible\"", "\"probable\""));
    scratch.refused_saying(&evaluate, &["the adapter's possible are not here, probable are not the adapter's"]);
    scratch.write(&state, before);

    scratch.edit(&format!("{run}/trained/minim.json"), |origin| origin.replace("\"schema\": 1", "\"schema\": 2"));
    scratch.refused_saying(&evaluate, &["minim.json: schema is 2; expected 1"]);
}

/// One pass that moves nothing.
fn goes_on(scratch: &Scratch, start: &str, method: &str) {
    TEXTS.write(scratch, &format!(r#"{method}, start = "{start}""#));
    scratch.edit("texts.toml", |toml| toml.replace("epochs = 3", "epochs = 1").replace("1e-2", "1e-12"));
}

#[test]
fn training_goes_on_from_an_adapter_of_minim_and_from_one_of_peft() {
    let scratch = Scratch::new();
    let run = trained(&scratch, LORA);
    scratch.fixture("lora-seq");
    for start in [format!("{run}/trained"), "lora-seq".into()] {
        goes_on(&scratch, &start, LORA);
        let out = format!("on/{}", start.replace('/', "-"));
        scratch.done(&format!("train texts.toml --out {out}"));
        let record = scratch.record(&out);
        assert!(record.notes.iter().any(|note| note.contains(&format!("starts where {start} ended"))));
        let logits = |adapter: &str| all_numbers(&scratch.done(&format!("{LOGITS} --model seq --adapter {adapter}")));
        let (before, after) = (logits(&start), logits(&format!("{out}/{}/trained", record.run_id)));
        assert!(furthest(&before, &after) < 1e-5, "{start}");
    }
}

/// Of each of these the folder holds all that training goes on from; PiSSA's is plain LoRA of twice the rank, and P-tuning's the prompt without
/// what made it.
#[test]
fn training_goes_on_from_what_each_method_keeps() {
    for (name, first, next) in [
        ("adalora", r#"kind = "adalora", init_r = 4, target_r = 2"#, r#"kind = "adalora", init_r = 4, target_r = 2"#),
        (
            "pfeiffer",
            r#"kind = "bottleneck", placement = "pfeiffer""#,
            r#"kind = "bottleneck", placement = "pfeiffer""#,
        ),
        ("bitfit", r#"kind = "bitfit""#, r#"kind = "bitfit""#),
        ("p-tuning", r#"kind = "p-tuning", num_virtual_tokens = 3"#, r#"kind = "p-tuning", num_virtual_tokens = 3"#),
        (
            "pissa",
            r#"kind = "lora", rank = 4, alpha = 8, init_lora_weights = "pissa""#,
            r#"kind = "lora", rank = 8, alpha = 16"#,
        ),
    ] {
        let scratch = Scratch::new();
        let start = format!("{}/trained", trained(&scratch, &format!(r#"name = "{name}", {first}"#)));
        goes_on(&scratch, &start, &format!(r#"name = "{name}", {next}"#));
        scratch.done(&format!("train texts.toml --out on/{name}"));
        let record = scratch.record(&format!("on/{name}"));
        let logits = |adapter: &str| all_numbers(&scratch.done(&format!("{LOGITS} --model seq --adapter {adapter}")));
        let after = logits(&format!("on/{name}/{}/trained", record.run_id));
        assert!(furthest(&logits(&start), &after) < 1e-5, "{name}");
        if first != next {
            goes_on(&scratch, &start, &format!(r#"name = "{name}", {first}"#));
            scratch.refused_saying("train texts.toml --out again", &["`start` in [[method]]", "plain LoRA of twice"]);
        }
    }
}

#[test]
fn training_does_not_go_on_from_what_differs() {
    let scratch = Scratch::new();
    let run = trained(&scratch, LORA);
    let start = format!("{run}/trained");
    for (method, says) in [
        (r#"name = "a", kind = "lora", rank = 4, alpha = 16"#, "lora_alpha is 16.0, the adapter's 8.0"),
        (r#"name = "a", kind = "lora", rank = 8, alpha = 8"#, "r is 8, the adapter's 4"),
        (r#"name = "a", kind = "ia3""#, "peft_type is \"IA3\", the adapter's \"LORA\""),
        (r#"name = "a", kind = "lora", rank = 4, alpha = 8, use_rslora = true"#, "use_rslora is true"),
        (r#"name = "a", kind = "lora", rank = 4, alpha = 8, targets = ["key"]"#, "missing: "),
        (r#"name = "a", kind = "full""#, "full fine-tuning goes on from a whole model"),
    ] {
        goes_on(&scratch, &start, method);
        scratch.refused_saying("train texts.toml --out on", &[says]);
    }
    scratch.fixture("pissa-seq");
    goes_on(&scratch, "pissa-seq", LORA);
    scratch.refused_saying("train texts.toml --out on", &["pissa-seq: its factors stand on what they left"]);

    goes_on(&scratch, &start, LORA);
    scratch.edit("texts/train.csv", |csv| csv.replace("possible", "probable"));
    scratch.edit("texts/valid.csv", |csv| csv.replace("possible", "probable"));
    scratch.edit("texts/test.csv", |csv| csv.replace("possible", "probable"));
    scratch.refused_saying("train texts.toml --out on", &["the labels differ", "possible are not here"]);

    let scratch = Scratch::new();
    let folder = trained(&scratch, r#"name = "b", kind = "bottleneck", bottleneck_size = 3"#);
    goes_on(
        &scratch,
        &format!("{folder}/trained"),
        r#"name = "b", kind = "bottleneck", non_linearity = "tanh", bottleneck_size = 3"#,
    );
    scratch.refused_saying("train texts.toml --out on", &["non_linearity is \"tanh\", the adapter's \"gelu\""]);
    goes_on(&scratch, &format!("{folder}/trained"), r#"name = "b", kind = "bottleneck""#);
    scratch.refused_saying("train texts.toml --out on", &["bottleneck_size is 64, the adapter's 3"]);
}

/// peft trains what it is told to: fewer modules than minim would, or more.
#[test]
fn training_goes_on_with_the_modules_that_peft_trained() {
    let scratch = Scratch::new();
    TEXTS.write(&scratch, LORA);
    scratch.write("in.jsonl", TEXTS.test_inputs());
    for (start, targets, module) in [("embeddings-seq", "", "word_embeddings"), ("lora-pooler-seq", "", "pooler.dense")]
    {
        scratch.fixture(start);
        goes_on(&scratch, start, &format!("{LORA}{targets}"));
        scratch.done(&format!("train texts.toml --out on/{start}"));
        let after = format!("on/{start}/{}/trained", scratch.record(&format!("on/{start}")).run_id);
        assert!(String::from_utf8_lossy(&scratch.files(&after)["adapter_model.safetensors"]).contains(module));
        let logits = |adapter: &str| all_numbers(&scratch.done(&format!("{LOGITS} --model seq --adapter {adapter}")));
        assert!(furthest(&logits(start), &logits(&after)) < 1e-5, "{start}");
    }
}

/// A base that lacks a pooler has it from the adapter, or not at all.
#[test]
fn nothing_of_a_model_is_random_beside_an_adapter() {
    let scratch = Scratch::new();
    for folder in ["seq", "lora-seq", "lora-pooler-seq"] {
        scratch.fixture(folder);
    }
    TEXTS.write(&scratch, LORA);
    scratch.write("in.jsonl", TEXTS.test_inputs());
    let mut weights = scratch.files("seq")["model.safetensors"].clone();
    let (pooler, other) = (b"\"bert.pooler.dense.", b"\"cls.predictions.p.");
    for start in 0..weights.len() - pooler.len() {
        if weights[start..].starts_with(pooler) {
            weights[start..start + pooler.len()].copy_from_slice(other);
        }
    }
    scratch.write("seq/model.safetensors", &weights);
    scratch.done(&format!("{LOGITS} --model seq --adapter lora-pooler-seq"));
    let says = ["lora-seq: neither the adapter nor its base model holds pooler", "modules_to_save"];
    scratch.refused_saying(&format!("{LOGITS} --model seq --adapter lora-seq"), &says);
    let goes_on = |start: &str| {
        goes_on(&scratch, start, LORA);
        scratch.write("seq/model.safetensors", &weights);
    };
    goes_on("lora-seq");
    scratch.refused_saying("train texts.toml --out on", &says);
    goes_on("lora-pooler-seq");
    scratch.done("train texts.toml --out on");
}

/// The same weights with other heads are another model.
#[test]
fn an_adapter_is_kept_off_a_base_that_computes_something_else() {
    let scratch = Scratch::new();
    let run = trained(&scratch, LORA);
    let evaluate = format!("evaluate --run {run} --data texts/test.csv");
    scratch.edit("seq/config.json", |json| json.replace("\"num_attention_heads\": 3", "\"num_attention_heads\": 4"));
    scratch.refused_saying(&evaluate, &["the base's num_attention_heads is 4, the adapter's base had 3"]);
    scratch.edit("seq/config.json", |json| json.replace("\"num_attention_heads\": 4", "\"num_attention_heads\": 3"));
    scratch.edit("seq/config.json", |json| {
        json.replace("\"attention_probs_dropout_prob\": 0.0", "\"attention_probs_dropout_prob\": 0.1")
    });
    scratch.done(&evaluate);
    // Folders of earlier versions do not say.
    scratch.edit("seq/config.json", |json| json.replace("\"num_attention_heads\": 3", "\"num_attention_heads\": 4"));
    scratch.edit(&format!("{run}/trained/minim.json"), |json| {
        let mut origin: Value = serde_json::from_str(&json).unwrap();
        origin["base"].as_object_mut().unwrap().remove("config");
        origin.to_string()
    });
    scratch.done(&evaluate);
}

/// peft would put it on the pretrained weights.
#[test]
fn an_adapter_on_a_random_base_is_exported_merged_alone() {
    let scratch = Scratch::new();
    TEXTS.write(&scratch, LORA);
    scratch.edit("texts.toml", |toml| toml.replace("path = \"seq\"", "path = \"seq\", init = \"random\""));
    scratch.done("train texts.toml --out out");
    let run = format!("out/{}", scratch.record("out").run_id);
    scratch.refused_saying(
        &format!("export --run {run} --to peft --out a"),
        &["started at random weights", "--to merged"],
    );
    assert!(scratch.files("a").is_empty());
    scratch.done(&format!("export --run {run} --to merged --out b"));
}

#[test]
fn each_row_of_a_batch_gets_what_its_adapter_gives_it_alone() {
    let scratch = Scratch::new();
    let folders = ["lora-seq", "ia3-seq", "vera-seq", "prompt-seq", "prefix-seq", "ln-seq", "lora-tok"];
    folders.iter().chain(&["seq"]).for_each(|folder| scratch.fixture(folder));
    // A base without a head of its own, as published ones are: what was the head passes for one of pre-training.
    let mut weights = scratch.files("seq")["model.safetensors"].clone();
    let (head, other) = (b"\"classifier.", b"\"cls.predic.");
    for start in 0..weights.len() - head.len() {
        if weights[start..].starts_with(head) {
            weights[start..start + head.len()].copy_from_slice(other);
        }
    }
    scratch.write("seq/model.safetensors", weights);
    let (texts, words) = (json_lines(&TEXTS.test_inputs()), json_lines(&WORDS.test_inputs()));
    let adapters: String = folders[..6].iter().map(|folder| format!("--adapter {folder} ")).collect();
    let adapters = format!("{adapters}--adapter entities=lora-tok");
    let logits = format!("logits --model seq --task seq-cls --labels 3 {adapters} --input mixed.jsonl");
    let mut first = Vec::new();
    // In few bits all of them share the codes.
    for base in ["fp32", "bf16", "int8", "nf4"] {
        let mut alone = Vec::new();
        let mut lines = Vec::new();
        for (index, (text, words)) in texts.iter().zip(&words).enumerate() {
            for folder in [folders[index % 6], "lora-tok"] {
                let (task, line) = match folder {
                    "lora-tok" => ("--task token-cls --labels 5", words),
                    _ => ("--task seq-cls --labels 3", text),
                };
                scratch.write("one.jsonl", line.to_string());
                let one = format!("logits --model seq {task} --adapter {folder} --input one.jsonl --base {base}");
                alone.push(json_lines(&scratch.done(&one)).remove(0));
                let mut line = line.clone();
                line["adapter"] = Value::from(if folder == "lora-tok" { "entities" } else { folder });
                lines.push(line.to_string());
            }
        }
        scratch.write("mixed.jsonl", lines.join("\n"));
        for batch in [1, 4, 64] {
            let mixed = json_lines(&scratch.done(&format!("{logits} --base {base} --batch-size {batch}")));
            assert_eq!(mixed.len(), alone.len());
            for (mixed, alone) in mixed.iter().zip(&alone) {
                assert!(furthest(&numbers(mixed), &numbers(alone)) < 1e-5, "{base}, batches of {batch}");
            }
        }
        let all: Vec<f64> = alone.iter().flat_map(numbers).collect();
        match base {
            "fp32" => first = all,
            _ => assert!(furthest(&all, &first) > 1e-3, "{base} is another base than fp32"),
        }
    }

    scratch.write("mixed.jsonl", r#"{"text": "a", "adapter": "other"}"#);
    scratch
        .refused_saying(&logits, &["mixed.jsonl:1: no adapter is named other", "entities, ia3-seq, ln-seq, lora-seq"]);
    scratch.write("mixed.jsonl", "\n{\"text\": \"a\"}");
    scratch.refused_saying(&logits, &["mixed.jsonl:2: names no \"adapter\"; expected one of entities"]);
    let twice = "logits --model seq --task seq-cls --labels 3 --adapter lora-seq --adapter lora-seq";
    scratch.refused_saying(twice, &["two adapters are named lora-seq", "NAME=DIR"]);
}

#[test]
fn adapters_of_one_base_are_combined_and_others_are_not() {
    let scratch = Scratch::new();
    let run = trained(&scratch, LORA);
    scratch.fixture("lora-seq");
    let combine = format!("combine --adapter {run}/trained --adapter lora-seq");
    let logits = |adapter: &str| all_numbers(&scratch.done(&format!("{LOGITS} --model seq --adapter {adapter}")));
    // Nearly all of one is that one, whatever is done with them; its note goes along.
    for how in
        ["linear", "cat", "ties --density 1", "magnitude-prune --density 1", "dare-linear --density 1", "linear --svd"]
    {
        scratch.done(&format!("{combine} --weight 1 --weight 1e-12 --how {how} --out combined"));
        assert!(scratch.read("combined/minim.json").contains("sha256:"));
        let allowed = if how.starts_with("ties") { f64::INFINITY } else { 1e-4 };
        assert!(furthest(&logits("combined"), &logits(&format!("{run}/trained"))) < allowed, "{how}");
    }
    scratch.done(&format!("{combine} --how dare-ties --seed 3 --density 0.5 --out combined"));
    let half = logits("combined");
    scratch.done(&format!("{combine} --how dare-ties --seed 4 --density 0.5 --out combined"));
    assert!(furthest(&half, &logits("combined")) > 1e-3, "the seed decides what is dropped");

    scratch.refused_saying(&format!("{combine} --weight 1 --out other"), &["1 weights for 2 adapters"]);
    scratch.refused_saying(&format!("{combine} --how ties --density 0 --out other"), &["density is 0", "(0, 1]"]);
    scratch.refused_saying(&format!("{combine} --how cat --svd --out other"), &["cat is exact already"]);
    scratch.refused_saying(&format!("{combine} --svd --rank 0 --out other"), &["rank is 0", "at least 1"]);
    scratch.fixture("pissa-seq");
    scratch.fixture("adalora-seq");
    for (folder, says) in [("pissa-seq", "stand on what they left"), ("adalora-seq", "only LoRA adapters")] {
        scratch.refused_saying(&format!("combine --adapter {folder} --adapter lora-seq --out other"), &[folder, says]);
    }
    scratch.edit(&format!("{run}/trained/minim.json"), |origin| origin.replace("\"possible\"", "\"probable\""));
    scratch.done(&format!("{combine} --out other"));
    scratch.write("lora-seq/minim.json", scratch.read("combined/minim.json"));
    scratch.refused_saying(&format!("{combine} --out another"), &["lora-seq/minim.json", "the labels differ"]);
}
