//! Names of metrics for people, and which of them are shown beside a task's main score.

use minim_experiment::TaskKind;

use crate::table::Task;

/// `entity_f1` becomes `entity F1`, `auroc` becomes `AUROC`.
pub(crate) fn title(metric: &str) -> String {
    let words: Vec<String> = metric
        .split('_')
        .map(|word| match word {
            "f1" => "F1".to_owned(),
            "auroc" => "AUROC".to_owned(),
            "auprc" => "AUPRC".to_owned(),
            "mcc" => "MCC".to_owned(),
            word => word.to_owned(),
        })
        .collect();
    words.join(" ")
}

/// The title above a column: precision and recall are those of the task's main F1, whose heading says which.
pub(crate) fn heading(metric: &str) -> String {
    match metric {
        "entity_precision" | "micro_precision" => "precision".into(),
        "entity_recall" | "micro_recall" => "recall".into(),
        metric => title(metric),
    }
}

/// One sentence on what a metric says; empty for one that this crate does not know.
pub(crate) fn description(metric: &str) -> &'static str {
    match metric {
        "accuracy" => "Share of examples that got the right label.",
        "macro_f1" => "F1 of each label, averaged with equal weight: rare labels count as much as frequent ones.",
        "micro_f1" => {
            "F1 of all decisions taken together. For relations the label that means \"no relation\" is left out, so that finding nothing scores 0."
        }
        "weighted_f1" => "F1 of each label, averaged by how often the label occurs.",
        "auroc" => {
            "Chance that a positive example is ranked above a negative one; with more than two labels, each against the rest, averaged. 0.5 is guessing."
        }
        "average_precision" => "Area under the precision-recall curve.",
        "entity_f1" => "F1 of whole entities: right only if first word, last word and type all are.",
        "entity_precision" => "Share of predicted entities that are real, boundaries and type included.",
        "entity_recall" => "Share of real entities that were found, boundaries and type included.",
        "micro_f1_with_negative" => {
            "F1 of all decisions taken together, the label that means \"no relation\" included."
        }
        "entity_macro_f1" => "Entity F1 of each type, averaged with equal weight.",
        "entity_weighted_f1" => "Entity F1 of each type, averaged by how often the type occurs.",
        "token_accuracy" => "Share of words that got the right tag.",
        "micro_precision" => "Share of predicted relations that are real.",
        "micro_recall" => "Share of real relations that were found.",
        _ => "",
    }
}

/// At most two metrics that stand beside the main score: those of the task's kind that some choice has.
pub(crate) fn beside(task: &Task) -> Vec<String> {
    let wanted: &[&str] = match task.kind {
        TaskKind::SequenceClassification => &["auroc", "accuracy", "macro_f1"],
        TaskKind::Ner => &["entity_precision", "entity_recall", "entity_f1"],
        TaskKind::RelationExtraction => &["micro_precision", "micro_recall", "micro_f1", "macro_f1", "accuracy"],
    };
    wanted
        .iter()
        .filter(|metric| **metric != task.metric)
        .filter(|metric| task.choices.iter().any(|c| c.scores.contains_key(**metric)))
        .take(2)
        .map(|metric| (*metric).to_owned())
        .collect()
}
