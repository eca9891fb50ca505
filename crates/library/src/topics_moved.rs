//! What a library keeps of its topics, carried over to the vectors of another model: numbers, names and papers stay, and a centre
//! becomes that of the same papers.
//!
//! Not for: what becomes of the topics then, which is the next run's.

use crate::Storage;
use crate::rows::Tables;
use crate::store::{read_meta, set_meta};
use crate::topic_names::{self, Given};
use crate::topic_state::{self, Kept};
use rusqlite::{OptionalExtension, Transaction};
use syntopic_core::dot;

/// A name that no topic has now lies where these many papers are that are nearest to it.
const NEAREST: usize = 20;

/// Numbers a vector, and how they are kept.
pub(crate) type Shape = (usize, Storage);

/// Moves the centres, while both kinds of vectors are there. A topic of no paper, and a name that lies nowhere, go.
pub(crate) fn move_topics(
    tx: &Transaction<'_>,
    old: Option<Shape>,
    new: Shape,
) -> Result<(), rusqlite::Error> {
    let mut kept: Option<Kept> =
        read_meta(tx, topic_state::KEY)?.and_then(|text| serde_json::from_str(&text).ok());
    if let Some(kept) = &mut kept {
        let mut moved = Vec::new();
        for mut topic in std::mem::take(&mut kept.topics) {
            let ids = topic.settled.iter().chain(&topic.joined);
            let centre = centre(tx, ids.map(|(id, _)| id.as_str()), new)?;
            moved.extend(centre.map(|centre| {
                topic.centre = centre;
                topic
            }));
        }
        kept.topics = moved;
        let text = serde_json::to_string(kept).unwrap_or_default();
        set_meta(tx, topic_state::KEY, &text)?;
    }
    let given = read_meta(tx, topic_names::KEY)?;
    // What cannot be read is left for the error that names it.
    let given: Option<Vec<Given>> = given.and_then(|text| serde_json::from_str(&text).ok());
    let (Some(given), Some(old)) = (given, old) else {
        return Ok(());
    };
    let mut moved = Vec::new();
    for mut name in given {
        let topics = kept.iter().flat_map(|kept| &kept.topics);
        let topic = topics
            .filter(|topic| topic.named_by_user)
            .find(|topic| topic.name == name.name);
        let centre = match topic {
            Some(topic) => Some(topic.centre.clone()),
            None => {
                let ids = nearest(tx, &name.centre, old)?;
                centre(tx, ids.iter().map(String::as_str), new)?
            }
        };
        moved.extend(centre.map(|centre| {
            name.centre = centre;
            name
        }));
    }
    let text = serde_json::to_string(&moved).unwrap_or_default();
    set_meta(tx, topic_names::KEY, &text)
}

/// The direction of the sum of the new vectors of papers; none where there is none, or they cancel out.
fn centre<'a>(
    tx: &Transaction<'_>,
    ids: impl Iterator<Item = &'a str>,
    (dim, storage): Shape,
) -> Result<Option<Vec<f32>>, rusqlite::Error> {
    let sql = format!(
        "SELECT v.vector FROM papers p JOIN {} v USING (paper) WHERE p.id = ?1",
        Tables::Next.vectors()
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let mut sum = vec![0f64; dim];
    for id in ids {
        let bytes: Option<Vec<u8>> = statement.query_row([id], |row| row.get(0)).optional()?;
        for (sum, number) in sum
            .iter_mut()
            .zip(storage.decode(&bytes.unwrap_or_default()))
        {
            *sum += f64::from(number);
        }
    }
    let length = sum.iter().map(|v| v * v).sum::<f64>().sqrt();
    let unit = || sum.iter().map(|v| (v / length) as f32).collect();
    Ok((length > 1e-9).then(unit))
}

/// The ids of the papers whose old vectors are nearest to a place, nearest first.
fn nearest(
    tx: &Transaction<'_>,
    place: &[f32],
    (dim, storage): Shape,
) -> Result<Vec<String>, rusqlite::Error> {
    let sql = "SELECT p.id, v.vector FROM papers p JOIN vectors v USING (paper) ORDER BY p.id";
    let mut statement = tx.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut best: Vec<(f32, String)> = Vec::new();
    while let Some(row) = rows.next()? {
        let vector = storage.decode(&row.get::<_, Vec<u8>>(1)?);
        if vector.len() != dim || place.len() != dim {
            continue;
        }
        let score = dot(place, &vector);
        if best.len() == NEAREST && best.last().is_some_and(|(last, _)| score <= *last) {
            continue;
        }
        let at = best.partition_point(|(other, _)| *other >= score);
        best.insert(at, (score, row.get(0)?));
        best.truncate(NEAREST);
    }
    Ok(best.into_iter().map(|(_, id)| id).collect())
}
