//! One admission of the twins of MIMIC: what is odd about its notes, and their text.

use super::Error;
use super::draw::Draw;
use super::grammar::Grammar;
use super::mimic_note::{Layout, Stay, Story, prose, story, wrap};
use super::mimic_tables::{SummaryRow, Tables, date};
use crate::mimic::Release;

/// Said in every summary: nobody should take one for a patient's.
const NOTICE: &str = "Synthetic: written by a program about nobody";

/// Sentences that many notes share: four gigabytes are too much to expand word by word.
pub(super) struct Pool {
    pub(super) results: Vec<String>,
    pub(super) course: Vec<String>,
    pub(super) drugs: Vec<String>,
    pub(super) instructions: Vec<String>,
    pub(super) nursing: Vec<String>,
    pub(super) radiology: Vec<String>,
    pub(super) ecg: Vec<String>,
}

impl Pool {
    pub(super) fn fill(grammar: &Grammar, seed: u64) -> Self {
        let mut draw = Draw::stream(seed, "mimic/pool");
        let mut some = |name| (0..400).map(|_| grammar.draw(&mut draw, name)).collect();
        Self {
            results: some("result.line"),
            course: some("course.line"),
            drugs: some("drug.line"),
            instructions: some("instruction.line"),
            nursing: some("nursing.line"),
            radiology: some("radiology.line"),
            ecg: some("ecg.line"),
        }
    }
}

pub(super) fn take<'a>(draw: &mut Draw, pool: &'a [String], low: usize, high: usize) -> Vec<&'a str> {
    (0..draw.between(low, high)).map(|_| pool[draw.below(pool.len())].as_str()).collect()
}

/// One admission and what is odd about its notes.
pub(super) struct Admission {
    pub(super) number: u64,
    pub(super) patient: u64,
    pub(super) newborn: bool,
    /// Days since 2100-01-01.
    pub(super) day: i64,
    pub(super) minute: i64,
    /// How long the stay is, in minutes and whole hours.
    pub(super) minutes: i64,
    pub(super) hours: i64,
    pub(super) stay: Stay,
    pub(super) layout: Layout,
    pub(super) story: Story,
    pub(super) quirk: Quirk,
    /// Whether the recipe makes an example of it, but for what an outcome leaves out.
    pub(super) example: bool,
    /// Whether the text tells the outcome beyond repair.
    pub(super) told: bool,
}

/// What is odd about the notes of an admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quirk {
    None,
    NoNote,
    NoNumber,
    AddendaOnly,
    Addendum,
    EarlyAddendum,
    Repeated,
    Error,
    Empty,
    NoMainSection,
    Brackets,
    Returns,
    Letters,
    ToldInHistory,
    ToldInExam,
}

impl Quirk {
    /// Each with its share of 1,000 admissions.
    const SHARES: [(Self, usize); 14] = [
        (Self::None, 720),
        (Self::NoNote, 30),
        (Self::NoNumber, 10),
        (Self::AddendaOnly, 10),
        (Self::Addendum, 90),
        (Self::EarlyAddendum, 20),
        (Self::Repeated, 30),
        (Self::Error, 10),
        (Self::Empty, 5),
        (Self::NoMainSection, 10),
        (Self::Brackets, 20),
        (Self::Returns, 15),
        (Self::Letters, 15),
        (Self::ToldInExam, 15),
    ];
}

impl Admission {
    pub(super) fn draw(release: Release, place: usize, patient: u64, grammar: &Grammar, draw: &mut Draw) -> Self {
        let stay = Stay::draw(draw);
        let newborn = draw.chance(6);
        let mut quirk = Quirk::SHARES[draw.weighted(&Quirk::SHARES.map(|(_, share)| share))].0;
        if quirk == Quirk::None && stay.died() && draw.chance(8) {
            quirk = Quirk::ToldInHistory;
        }
        let layout = match release {
            Release::Four => Layout::Masked,
            Release::Three if draw.chance(65) => Layout::Form,
            Release::Three => Layout::Dictated,
        };
        // Minutes after which each class begins; the last is for the dead.
        let (from, to) = match (stay.died(), stay.class()) {
            (true, _) => (120, 40_000),
            (_, 0) => (600, 4_320),
            (_, 1) => (4_500, 10_080),
            (_, 2) => (10_300, 20_160),
            _ => (20_400, 60_000),
        };
        let backwards = if stay.died() { draw.chance(2) } else { draw.below(1000) < 3 };
        let minutes = if backwards { -(draw.between(60, 600) as i64) } else { draw.between(from, to) as i64 };
        let usable = [Quirk::NoNote, Quirk::NoNumber, Quirk::AddendaOnly, Quirk::Empty, Quirk::NoMainSection];
        Self {
            number: if release == Release::Three { 100_000 } else { 20_000_000 } + place as u64,
            patient,
            newborn,
            day: draw.below(36_000) as i64,
            minute: draw.below(1_440) as i64,
            minutes,
            hours: minutes.div_euclid(60),
            stay,
            layout,
            story: story(grammar, draw, stay, release == Release::Four),
            quirk,
            example: !newborn && !usable.contains(&quirk),
            told: quirk == Quirk::ToldInHistory,
        }
    }

    /// Minutes since 2100-01-01 of admission and discharge.
    pub(super) fn times(&self) -> [i64; 2] {
        let admitted = self.day * 1_440 + self.minute;
        [admitted, admitted + self.minutes]
    }

    /// Writes its discharge summaries.
    pub(super) fn summaries(
        &self,
        grammar: &Grammar,
        pool: &Pool,
        draw: &mut Draw,
        tables: &mut Tables,
    ) -> Result<(), Error> {
        let day = self.times()[1].div_euclid(1_440);
        let note = |text: String| SummaryRow { admission: Some(self.number), day, addendum: false, error: false, text };
        let report = self.report(grammar, pool, draw);
        let addendum = |draw: &mut Draw| SummaryRow {
            day: day + i64::from(self.quirk == Quirk::Addendum) * draw.below(3) as i64,
            addendum: true,
            ..note(self.addendum(pool, draw))
        };
        let rows = match self.quirk {
            Quirk::NoNote => vec![],
            Quirk::NoNumber if draw.chance(50) => vec![SummaryRow { admission: None, ..note(report) }],
            Quirk::NoNumber => vec![SummaryRow { admission: Some(self.number + 90_000_000), ..note(report) }],
            Quirk::AddendaOnly => vec![addendum(draw)],
            Quirk::Addendum => vec![note(report), addendum(draw)],
            Quirk::EarlyAddendum => vec![addendum(draw), note(report)],
            Quirk::Repeated => vec![note(report.clone()), SummaryRow { day: day + 1, ..note(report) }],
            Quirk::Error => {
                let wrong = report.replace("admitted", "not admitted").replace("Past", "Wrong Past");
                vec![
                    SummaryRow { error: true, ..note(format!("Chief Complaint:\nwrong chart\n\n{wrong}")) },
                    note(report),
                ]
            }
            Quirk::Empty => vec![note(String::new())],
            _ => vec![note(report)],
        };
        rows.iter().try_for_each(|row| tables.summary(self, row))
    }

    /// The text of the report.
    fn report(&self, grammar: &Grammar, pool: &Pool, draw: &mut Draw) -> String {
        let Story { complaint, illness, history, medications, allergies, exam, family, social } = &self.story;
        let layout = self.layout;
        let mut illness = illness.clone();
        let mut exam = exam.clone();
        match self.quirk {
            Quirk::ToldInHistory => illness.push_str(" The patient expired despite all measures."),
            Quirk::ToldInExam => exam.push("Update: pt expired, patient has died".to_owned()),
            Quirk::Letters => illness.push_str(" Given 50 µg of fentanyl, seen by Dr. Müller; 38.5 °C."),
            _ if draw.chance(10) => illness.push_str(" Pain is \"pounding\", \"8/10\"."),
            _ => {}
        }
        let one = |text: &String| vec![text.clone()];
        let mut bodies: [Vec<String>; 8] = [
            one(complaint),
            one(&illness),
            one(history),
            medications.clone(),
            one(allergies),
            exam.clone(),
            one(family),
            if layout == Layout::Masked { vec!["___".to_owned()] } else { one(social) },
        ];
        if self.quirk == Quirk::Brackets {
            bodies[6] = vec!["[] not asked".to_owned()];
        }
        let mut missing = vec![];
        if self.quirk == Quirk::NoMainSection {
            missing.extend([0, 1, 2]);
        } else if draw.chance(6) {
            missing.push([0, 3, 4, 6, 7][draw.below(5)]);
        }
        let section = |place: usize| (!missing.contains(&place)).then(|| layout.section(place, &bodies[place]));
        let [admitted, discharged] = self.times().map(|minutes| self.masked(minutes));
        let service = grammar.draw(draw, "service.name");
        let head = match layout {
            Layout::Masked => format!(
                "Name:  ___                     Unit No:   ___\n \nAdmission Date:  ___              Discharge Date:   ___\n \n\
                 Date of Birth:  ___             Sex:   F\n \nService: {service}"
            ),
            _ => format!(
                "Admission Date:  {admitted}              Discharge Date:   {discharged}\n\nDate of Birth:  [**2061-3-8**]             \
                 Sex:   F\n\nService: {service}"
            ),
        };
        let attending = format!("Attending: {NOTICE}");
        let course = wrap(&prose(&take(draw, &pool.course, 40, 100)), 74);
        let end = if self.stay.died() {
            "The patient expired on the ward, family at the bedside."
        } else {
            "Discharged in good condition."
        };
        let results = take(draw, &pool.results, 40, 110).join("\n");
        let drugs: Vec<String> = take(draw, &pool.drugs, 4, 14)
            .iter()
            .enumerate()
            .map(|(place, drug)| format!("{}. {drug}", place + 1))
            .collect();
        let fate = if self.stay.died() { "Expired" } else { "Home With Service" };
        let tail = [format!("Pertinent Results:\n{results}"), format!("Brief Hospital Course:\n{course}\n{end}")];
        let after = [
            format!("Discharge Medications:\n{}", drugs.join("\n")),
            format!("Discharge Disposition:\n{fate}"),
            format!("Discharge Condition:\n{fate}"),
            format!("Discharge Instructions:\n{}", take(draw, &pool.instructions, 4, 12).join(".\n")),
            "Followup Instructions:\n___".to_owned(),
        ];
        let mut parts = vec![head];
        let gap = layout.gap();
        match layout {
            Layout::Form => {
                parts.extend([section(4), Some(attending), section(0)].into_iter().flatten());
                parts.push("Major Surgical or Invasive Procedure:\nnone".to_owned());
                parts.extend([1, 2, 7, 6, 5].into_iter().filter_map(section));
                parts.extend(tail);
                parts.extend(section(3));
            }
            Layout::Dictated => {
                parts.push(attending.to_uppercase());
                parts.extend([0, 1, 2, 4, 3, 7, 6, 5].into_iter().filter_map(section));
                parts.extend(tail.map(|part| part.replacen("Brief Hospital Course", "HOSPITAL COURSE", 1)));
            }
            Layout::Masked => {
                parts.extend([section(4), Some(attending), section(0)].into_iter().flatten());
                parts.push("Major Surgical or Invasive Procedure:\nNone".to_owned());
                parts.extend([1, 2].into_iter().filter_map(section));
                // Here a heading follows without a blank line.
                let social: Vec<String> = [7, 6].into_iter().filter_map(section).collect();
                parts.extend((!social.is_empty()).then(|| social.join("\n")));
                let leaving = "\n\nDISCHARGE PHYSICAL EXAM:\nVS stable, walking, wound dry";
                parts.extend(
                    section(5).map(|exam| exam.replacen("Exam:\n", "Exam:\nADMISSION PHYSICAL EXAM:\n", 1) + leaving),
                );
                parts.extend(tail);
                parts.extend(section(3));
            }
        }
        parts.extend(after);
        let mut text = parts.join(gap) + "\n";
        if layout == Layout::Masked {
            text = text.replace("[**Last Name**]", "___").replace("[**Known lastname**]", "___");
        }
        if self.quirk == Quirk::Returns { text.replace('\n', "\r\n") } else { text }
    }

    /// The text of an addendum, which has none of the sections.
    fn addendum(&self, pool: &Pool, draw: &mut Draw) -> String {
        let name = if self.layout == Layout::Masked { "___" } else { "[**Known lastname 1234**]" };
        let course = wrap(&prose(&take(draw, &pool.course, 3, 9)), 74);
        let gap = self.layout.gap();
        format!("Name:  {name}{gap}Attending: {NOTICE}{gap}Addendum:\n{course}{gap}Discharge Disposition:\nHome\n")
    }

    /// A date as the text has it.
    fn masked(&self, minutes: i64) -> String {
        let (year, month, day) = date(minutes.div_euclid(1_440));
        format!("[**{year}-{month}-{day}**]")
    }
}
