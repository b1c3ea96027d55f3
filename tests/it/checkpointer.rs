//! Why burn-train's file checkpointer is replaced: it writes the frozen base each time.

use burn::module::Module;
use burn::train::checkpoint::{Checkpointer, FileCheckpointer};
use minim_adapters::peft::{self, AdapterConfig};
use minim_adapters::{LoraConfig, Method, attach};
use minim_models::{Config, HeadKind, initialise, published_name};

use crate::fixtures::{cpu, folder};

/// LoRA of rank 8 on BERT-tiny, 4.4 million parameters. `docs/DESIGN.md` quotes what this test prints.
#[test]
fn a_checkpoint_of_burn_train_is_the_whole_model_and_ours_is_what_was_trained() {
    let config = Config::read(&folder("../configs/bert-tiny.json")).unwrap();
    let model = config.classifier(HeadKind::Sequence, 2, &cpu());
    let model = initialise(model, 0.02, 1, |_| true);
    let method = Method::Lora(LoraConfig::default());
    let modules = config.head_modules();
    let model = attach(model, &method, &modules, 1, published_name).unwrap();

    let temp = tempfile::tempdir().unwrap();
    let theirs = temp.path().join("burn-train");
    FileCheckpointer::new(&theirs, "model").save(1, model.clone().into_record()).unwrap();
    let ours = temp.path().join("minim");
    let adapter = AdapterConfig::new(&method, "SEQ_CLS", None, &modules).unwrap();
    peft::save(&model, &method, &adapter, &modules, published_name, &ours).unwrap();

    let bytes = |folder: &std::path::Path| -> u64 {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
    };
    let (theirs, ours) = (bytes(&theirs), bytes(&ours));
    println!("burn-train's checkpointer: {theirs} bytes, minim: {ours} bytes");
    assert!(theirs as usize >= 4 * model.num_params(), "{theirs} bytes: it writes every parameter");
    assert!(ours < theirs / 200, "{ours} of {theirs} bytes");
}
