//! A few training examples of each class, drawn with the run's seed.

use crate::scratch::Scratch;
use crate::tasks::{RELATIONS, TEXTS, TRAIN, WORDS};

const HEAD: &str = r#"name = "head", kind = "head""#;

#[test]
fn a_sample_has_n_of_each_class_and_says_what_it_lacks() {
    for (task, least) in [(TEXTS, 3 * 2), (WORDS, 2), (RELATIONS, 3 * 2)] {
        let scratch = Scratch::new();
        task.write(&scratch, HEAD);
        let plan = format!("{}.toml", task.name);
        let sound = scratch.read(&plan);
        let sample = |keys: &str, out: &str| {
            scratch.write(&plan, sound.replace("max_length", &format!("{keys}, max_length")));
            let finished = scratch.minim(&format!("train {plan} --out {out}"));
            assert_eq!(finished.code, Some(0), "{}", finished.stderr);
            (scratch.record(out), finished.stderr)
        };
        let (record, said) = sample("few_shot = 2, few_shot_validation = 1", "two");
        let data = record.data.unwrap();
        assert!(data.train >= least && data.train < TRAIN, "{}", data.train);
        let shots = data.few_shot.unwrap();
        for (classes, wanted) in [(shots.train.unwrap(), 2), (shots.validation.unwrap(), 1)] {
            assert!(classes.iter().all(|class| class.wanted == wanted && class.drawn >= wanted), "{classes:?}");
            assert!(classes.iter().all(|class| class.available >= class.drawn), "{classes:?}");
        }
        assert!(!said.contains("few-shot sample"), "{said}");
        assert_eq!(record.run.task.few_shot, Some(2));

        let (record, said) = sample("few_shot = 500", "all");
        let data = record.data.unwrap();
        assert_eq!(data.train, TRAIN);
        let shots = data.few_shot.unwrap();
        assert!(shots.validation.is_none());
        for class in shots.train.unwrap() {
            assert_eq!((class.wanted, class.drawn), (500, class.available), "{class:?}");
            let line = format!("train split: class `{}`: {} drawn, 500 wanted", class.class, class.drawn);
            assert!(said.contains(&line), "no `{line}` in: {said}");
        }
        let (record, _) = sample("train_limit = 500", "plain");
        assert!(record.data.unwrap().few_shot.is_none());
    }
}
