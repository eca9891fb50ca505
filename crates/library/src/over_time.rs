//! How many papers each topic has a year or a month, and which topics rise or fall.
//!
//! Not for: finding topics; it counts the papers of topics that are there.

use crate::{Library, LibraryError, TopicsReport};
use serde::Serialize;
use std::collections::HashMap;
use syntopic_core::Paper;

/// Years outside of these are taken for mistakes.
const YEARS: std::ops::RangeInclusive<i32> = 1500..=2100;
/// From so many standard errors on a topic rises or falls. With 50 topics that move by chance alone, one library in seven would
/// show one.
const SURE: f64 = 3.0;

/// The length of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// A calendar year, written `2024`.
    Year,
    /// A calendar month, written `2024-03`.
    Month,
}

impl std::str::FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "year" => Ok(Self::Year),
            "month" => Ok(Self::Month),
            other => Err(format!("{other:?} is no period: say year or month")),
        }
    }
}

/// Where the share of a topic goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Its slope is at least three standard errors above 0.
    Rising,
    /// Its slope is at least three standard errors below 0.
    Falling,
    /// Neither can be said.
    Steady,
}

/// One topic over time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TopicOverTime {
    /// Number of the topic.
    pub id: u32,
    /// Name of the topic.
    pub name: String,
    /// How many of its papers have a date.
    pub dated: usize,
    /// Papers each period, as long as [`OverTimeReport::periods`].
    pub counts: Vec<usize>,
    /// The same as shares of all dated papers of the period, 0 to 1; 0 where the period has none.
    pub shares: Vec<f64>,
    /// What its share of the papers gains a year (.01 is one in a hundred): the slope of the linear regression of its share on time,
    /// as Griffiths & Steyvers (2004) tell hot topics from cold ones, each period weighing as much as it has papers.
    pub slope: f64,
    /// Standard error of the slope if the share did not change; 0 where there is one period alone.
    pub standard_error: f64,
    /// Slope over its standard error, the z of Cochran (1954) and Armitage (1955); 0 where that is 0.
    pub z: f64,
    /// What z says.
    pub direction: Direction,
}

/// Topics over time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OverTimeReport {
    /// Length of a period.
    pub period: Period,
    /// The periods from the first to the last that has a paper, without gaps, ascending.
    pub periods: Vec<String>,
    /// Dated papers of each period, of all topics.
    pub totals: Vec<usize>,
    /// Papers in all.
    pub papers: usize,
    /// Papers that count.
    pub dated: usize,
    /// Papers without any date, which do not count.
    pub undated: usize,
    /// Papers whose date cannot be read or is of no year from 1500 to 2100, and that have no usable year either, which do not count.
    pub invalid: usize,
    /// Papers of which only the year is known, which do not count where months are asked for.
    pub without_month: usize,
    /// Rising ones first, falling ones last: by z, then by number.
    pub topics: Vec<TopicOverTime>,
}

/// What is known of the time of a paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// Periods since the year 0.
    In(i32),
    YearAlone,
    Invalid,
    Unknown,
}

impl Library {
    /// Counts the papers of `topics`, which are of this library, a period.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn over_time(
        &self,
        topics: &TopicsReport,
        period: Period,
    ) -> Result<OverTimeReport, LibraryError> {
        let papers = self.papers()?;
        let when: HashMap<&str, When> = papers
            .iter()
            .map(|paper| (paper.id.as_str(), when(paper, period)))
            .collect();
        Ok(count(topics, &when, period))
    }
}

/// Counts, shares and slopes.
fn count(topics: &TopicsReport, when: &HashMap<&str, When>, period: Period) -> OverTimeReport {
    let of = |id: &String| when.get(id.as_str()).copied().unwrap_or(When::Unknown);
    let all: Vec<Vec<When>> = topics
        .topics
        .iter()
        .map(|topic| topic.papers.iter().map(of).collect())
        .collect();
    let flat = || all.iter().flatten();
    let times = || {
        flat().filter_map(|when| match when {
            When::In(time) => Some(*time),
            _ => None,
        })
    };
    let (first, last) = (times().min().unwrap_or(0), times().max().unwrap_or(-1));
    let place = |time: i32| (time - first) as usize;
    let mut totals = vec![0; place(last + 1)];
    times().for_each(|time| totals[place(time)] += 1);
    let mut counted: Vec<TopicOverTime> = topics
        .topics
        .iter()
        .zip(&all)
        .map(|(topic, papers)| {
            let mut counts = vec![0; totals.len()];
            for when in papers {
                if let When::In(time) = when {
                    counts[place(*time)] += 1;
                }
            }
            trend(topic.id, &topic.name, counts, &totals, period)
        })
        .collect();
    counted.sort_by(|a, b| b.z.total_cmp(&a.z).then(a.id.cmp(&b.id)));
    let number = |wanted: When| flat().filter(|when| **when == wanted).count();
    OverTimeReport {
        period,
        periods: (first..=last).map(|time| written(time, period)).collect(),
        papers: flat().count(),
        dated: totals.iter().sum(),
        undated: number(When::Unknown),
        invalid: number(When::Invalid),
        without_month: number(When::YearAlone),
        totals,
        topics: counted,
    }
}

/// The slope of a topic's share and how sure it is.
///
/// With `n_t` papers in period `t`, `x_t` of them of the topic, `p` the topic's share of all papers and `m` the mean time of a paper:
/// the slope is `sum (t - m) x_t / S` with `S = sum n_t (t - m)^2`, which is the regression of the shares weighted by `n_t`. If the share
/// does not change, its variance is `p (1 - p) / S`.
fn trend(
    id: u32,
    name: &str,
    counts: Vec<usize>,
    totals: &[usize],
    period: Period,
) -> TopicOverTime {
    let a_year = match period {
        Period::Year => 1.0,
        Period::Month => 12.0,
    };
    let dated: usize = counts.iter().sum();
    let n = totals.iter().sum::<usize>().max(1) as f64;
    let years = |t: usize| t as f64 / a_year;
    let weighted = |of: &[usize], f: &dyn Fn(f64) -> f64| -> f64 {
        let each = of.iter().enumerate();
        each.map(|(t, &papers)| papers as f64 * f(years(t))).sum()
    };
    let mean = weighted(totals, &|t| t) / n;
    let spread = weighted(totals, &|t| (t - mean).powi(2));
    let p = dated as f64 / n;
    let (slope, standard_error) = if spread > 0.0 {
        (
            weighted(&counts, &|t| t - mean) / spread,
            (p * (1.0 - p) / spread).sqrt(),
        )
    } else {
        (0.0, 0.0)
    };
    let z = if standard_error > 0.0 {
        slope / standard_error
    } else {
        0.0
    };
    let share = |(&count, &of): (&usize, &usize)| count as f64 / of.max(1) as f64;
    TopicOverTime {
        id,
        name: name.to_owned(),
        dated,
        shares: counts.iter().zip(totals).map(share).collect(),
        counts,
        slope,
        standard_error,
        z,
        direction: match z {
            z if z >= SURE => Direction::Rising,
            z if z <= -SURE => Direction::Falling,
            _ => Direction::Steady,
        },
    }
}

/// The period of a paper: its date where that can be read, else its year.
fn when(paper: &Paper, period: Period) -> When {
    let date = paper
        .date
        .as_deref()
        .map(str::trim)
        .filter(|d| !d.is_empty());
    let year = paper.year.filter(|year| YEARS.contains(year));
    let read = date.and_then(parts);
    match (read.or(year.map(|year| (year, None))), period) {
        (Some((year, _)), Period::Year) => When::In(year),
        (Some((year, Some(month))), Period::Month) => When::In(year * 12 + month - 1),
        (Some((_, None)), Period::Month) => When::YearAlone,
        (None, _) if date.is_some() || paper.year.is_some() => When::Invalid,
        (None, _) => When::Unknown,
    }
}

/// Year and month of `2024`, `2024-03`, `2024-03-13`, or a time of such a day (`2024-03-13T12:00:00Z`); slashes may stand for
/// hyphens. `None` for anything else, and for a day that there is not.
fn parts(date: &str) -> Option<(i32, Option<i32>)> {
    let day = date.split(['T', ' ']).next().unwrap_or(date);
    let numbers: Vec<&str> = day.split(['-', '/']).collect();
    let number = |index: usize, digits: std::ops::RangeInclusive<usize>| -> Option<i32> {
        let text = numbers.get(index)?;
        let plain = digits.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| text.parse().ok()).flatten()
    };
    let year = number(0, 4..=4).filter(|year| YEARS.contains(year))?;
    if numbers.len() == 1 {
        return Some((year, None));
    }
    let month = number(1, 1..=2).filter(|month| (1..=12).contains(month))?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    match numbers.len() {
        2 => Some((year, Some(month))),
        3 => number(2, 1..=2)
            .filter(|day| (1..=days).contains(day))
            .map(|_| (year, Some(month))),
        _ => None,
    }
}

fn written(time: i32, period: Period) -> String {
    match period {
        Period::Year => time.to_string(),
        Period::Month => format!("{}-{:02}", time.div_euclid(12), time.rem_euclid(12) + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TopicReport;
    use syntopic_core::PaperId;

    #[test]
    fn dates_come_in_several_precisions() {
        for (date, found) in [
            ("2024", Some((2024, None))),
            ("2024-03", Some((2024, Some(3)))),
            ("2024-3-1", Some((2024, Some(3)))),
            ("2024/03/13", Some((2024, Some(3)))),
            ("2024-03-13T12:00:00Z", Some((2024, Some(3)))),
            ("2024-02-29", Some((2024, Some(2)))),
            ("2023-02-29", None),
            ("2024-13", None),
            ("2024-00-01", None),
            ("0003-01-01", None),
            ("9999", None),
            ("24-03-13", None),
            ("2024-03-13-1", None),
            ("13 March 2024", None),
            ("+202-03", None),
            ("2024-", None),
        ] {
            assert_eq!(parts(date), found, "{date}");
        }
    }

    #[test]
    fn a_year_stands_in_for_a_date_that_cannot_be_read() {
        let mut paper = Paper::new(PaperId::new("x").unwrap(), "T", None).unwrap();
        assert_eq!(when(&paper, Period::Year), When::Unknown);
        paper.date = Some(String::from("soon"));
        assert_eq!(when(&paper, Period::Year), When::Invalid);
        paper.year = Some(2020);
        assert_eq!(when(&paper, Period::Year), When::In(2020));
        assert_eq!(when(&paper, Period::Month), When::YearAlone);
        paper.date = Some(String::from("2019-12-31"));
        assert_eq!(when(&paper, Period::Month), When::In(2019 * 12 + 11));
        assert_eq!(written(2019 * 12 + 11, Period::Month), "2019-12");
        (paper.date, paper.year) = (None, Some(7));
        assert_eq!(when(&paper, Period::Year), When::Invalid);
    }

    /// Two topics; papers are `topic-year-number`.
    fn report_of(counts: [&[(i32, usize)]; 2]) -> (TopicsReport, Vec<(String, When)>) {
        let mut dates = Vec::new();
        let topics = (0u32..).zip(counts).map(|(id, years)| {
            let mut papers = Vec::new();
            for &(year, n) in years {
                papers.extend((0..n).map(|i| format!("{id}-{year}-{i}")));
                dates.extend((0..n).map(|i| (format!("{id}-{year}-{i}"), When::In(year))));
            }
            TopicReport {
                id,
                name: format!("topic {id}"),
                named_by_user: false,
                made_name: format!("topic {id}"),
                size: papers.len(),
                tightness: 1.0,
                terms: Vec::new(),
                titles: vec![String::new(); papers.len()],
                papers,
                ..TopicReport::default()
            }
        });
        let topics: Vec<TopicReport> = topics.collect();
        let report = TopicsReport {
            k: topics.len(),
            k_given: true,
            k_method: String::new(),
            candidates: Vec::new(),
            silhouette: 0.0,
            papers: dates.len(),
            seed: 42,
            topics,
            ..TopicsReport::default()
        };
        (report, dates)
    }

    fn counted(counts: [&[(i32, usize)]; 2]) -> OverTimeReport {
        let (report, dates) = report_of(counts);
        let when = dates.iter().map(|(id, when)| (id.as_str(), *when));
        count(&report, &when.collect(), Period::Year)
    }

    #[test]
    fn risers_come_first_and_gaps_are_counted_as_nothing() {
        let found = counted([
            &[(2000, 30), (2001, 20), (2003, 5)],
            &[(2000, 10), (2001, 20), (2003, 35)],
        ]);
        assert_eq!(found.periods, ["2000", "2001", "2002", "2003"]);
        assert_eq!(found.totals, [40, 40, 0, 40]);
        assert_eq!(found.topics[0].id, 1);
        assert_eq!(found.topics[0].counts, [10, 20, 0, 35]);
        assert_eq!(found.topics[0].shares, [0.25, 0.5, 0.0, 0.875]);
        let directions = [Direction::Rising, Direction::Falling];
        assert_eq!([0, 1].map(|i| found.topics[i].direction), directions);
        // numpy: polyfit([0, 1, 3], [.25, .5, .875], 1, w=sqrt([40, 40, 40]))[0] = 0.205357142857; z is that of
        // (X - mean) over its standard error with p = 65/120.
        assert!((found.topics[0].slope - 0.205_357_142_857).abs() < 1e-9);
        let se = (65.0f64 / 120.0 * (55.0 / 120.0) / (40.0 * (14.0 / 3.0))).sqrt();
        assert!((found.topics[0].standard_error - se).abs() < 1e-12);
        assert!((found.topics[0].slope + found.topics[1].slope).abs() < 1e-12);
    }

    #[test]
    fn one_period_or_no_date_or_one_topic_has_no_trend() {
        let one = counted([&[(2000, 3)], &[(2000, 1)]]);
        assert!(one.topics.iter().all(|t| t.direction == Direction::Steady));
        assert_eq!(one.topics[0].shares, [0.75]);
        let alone = counted([&[(2000, 3), (2001, 9)], &[]]);
        assert_eq!((alone.topics[0].slope, alone.topics[0].z), (0.0, 0.0));
        let (report, _) = report_of([&[(2000, 2)], &[]]);
        let none = count(&report, &HashMap::new(), Period::Month);
        assert_eq!((none.undated, none.dated, none.papers), (2, 0, 2));
        assert!(none.periods.is_empty() && none.totals.is_empty());
    }
}
