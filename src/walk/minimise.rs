//! Which part of the question a zone needs to see (RFC 9156).

use crate::trace::AskWhy;
use crate::wire::{Name, Question, RecordType};

use super::limits::Limits;

/// Whether and how questions are minimised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Minimisation {
    /// Every server sees the whole question.
    Off,
    /// One label at a time; the whole question when a server answers oddly (RFC 9156 §3, step 6e).
    Relaxed,
    /// As `Relaxed`, but a denial of a minimised name is believed.
    Strict,
}

/// How far the question has been shown to the servers of one zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minimised {
    mode: Minimisation,
    /// Labels of the name that the servers of this zone have seen.
    shown: usize,
    /// Questions minimised so far on the way to this name, over all zones.
    steps: u32,
    /// Whether it began anew where everything was shown.
    resumed: bool,
    /// Why the whole question is asked, when it is.
    whole: AskWhy,
}

/// The type of a minimised question. RFC 9156 §2.1 wants one that is common and hides the real one;
/// NS breaks at servers that do not know their own apex.
const TYPE: RecordType = RecordType::A;

impl Minimised {
    /// Begins at the root.
    #[must_use]
    pub fn new(mode: Minimisation) -> Self {
        Self { mode, shown: 0, steps: 0, resumed: false, whole: AskWhy::Full }
    }

    /// Begins to ask the servers of `zone`.
    pub fn enter(&mut self, zone: &Name) {
        (self.shown, self.whole) = (zone.label_count(), AskWhy::Full);
    }

    /// The next question for the current zone, and whether it is a minimised one.
    #[must_use]
    pub fn question(&self, full: &Question, limits: &Limits) -> (Question, bool) {
        let total = full.name.label_count();
        let next = self.next_labels(total, limits);
        if next >= total {
            return (full.clone(), false);
        }
        (Question::new(full.name.suffix(next), TYPE), true)
    }

    /// Whether the next question is a minimised one.
    #[must_use]
    pub fn hides(&self, full: &Question, limits: &Limits) -> bool {
        let total = full.name.label_count();
        self.next_labels(total, limits) < total
    }

    /// A minimised question led to the servers of another zone: it counts as well (RFC 9156 §2.3), or a server that
    /// makes a zone of each label would be shown all of them one by one.
    pub fn led_on(&mut self) {
        self.steps += 1;
    }

    /// The minimised name turned out to be no zone cut: shows more.
    pub fn deeper(&mut self, full: &Question, limits: &Limits) {
        let total = full.name.label_count();
        self.shown = self.next_labels(total, limits);
        self.steps += 1;
    }

    /// Shows one label after the other below `zone`, whose servers have seen everything; false when it did so before.
    pub fn resume(&mut self, zone: &Name) -> bool {
        let resumes = self.mode == Minimisation::Off && !self.resumed;
        if resumes {
            (self.mode, self.shown, self.resumed) = (Minimisation::Relaxed, zone.label_count(), true);
            self.whole = AskWhy::Full;
        }
        resumes
    }

    /// Shows everything from now on.
    pub fn give_up(&mut self) {
        self.mode = Minimisation::Off;
    }

    /// Shows everything from now on, as a part of the name was denied.
    pub fn doubt_denial(&mut self) {
        self.give_up();
        self.whole = AskWhy::FullAfterDenial;
    }

    /// Why the whole question is asked, when it is.
    #[must_use]
    pub fn why_whole(&self) -> AskWhy {
        self.whole
    }

    /// Whether a denial of a minimised name ends the walk.
    #[must_use]
    pub fn believes_denial(&self) -> bool {
        self.mode == Minimisation::Strict
    }

    /// How many labels the next question shows.
    fn next_labels(&self, total: usize, limits: &Limits) -> usize {
        if self.mode == Minimisation::Off || self.steps >= limits.minimise_count {
            return total;
        }
        if self.steps < limits.minimise_one_label {
            return self.shown + 1;
        }
        // RFC 9156 §2.3: what is left is spread over the questions that are left.
        let questions = (limits.minimise_count - self.steps) as usize;
        let labels = total.saturating_sub(self.shown);
        self.shown + labels.div_ceil(questions.max(1)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(full: &str, mode: Minimisation) -> Vec<String> {
        let full = Question::new(full.parse().expect("a name"), RecordType::TXT);
        let limits = Limits::default();
        let mut state = Minimised::new(mode);
        let mut shown = Vec::new();
        loop {
            let (question, minimised) = state.question(&full, &limits);
            shown.push(question.name.to_string());
            if !minimised {
                assert_eq!(question, full);
                return shown;
            }
            assert_eq!(question.qtype, TYPE);
            state.deeper(&full, &limits);
        }
    }

    #[test]
    fn one_label_at_a_time() {
        assert_eq!(names("www.example.com", Minimisation::Relaxed), ["com.", "example.com.", "www.example.com."]);
        assert_eq!(names("www.example.com", Minimisation::Off), ["www.example.com."]);
    }

    #[test]
    fn many_labels_cost_at_most_the_limit() {
        let limits = Limits::default();
        for labels in 1..=127_usize {
            let shown = names(&"a.".repeat(labels), Minimisation::Relaxed);
            assert!(shown.len() <= limits.minimise_count as usize + 1, "{labels} labels: {}", shown.len());
            for (nth, name) in shown.iter().take(limits.minimise_one_label as usize).enumerate() {
                assert_eq!(name.matches('.').count(), nth + 1);
            }
        }
    }
}
