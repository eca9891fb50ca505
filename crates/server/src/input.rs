//! What a request asks, read and checked: query parameters and JSON bodies, each fault told in our one shape.

use crate::errors::Failure;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use serde::de::{DeserializeOwned, Error, IgnoredAny};
use serde::{Deserialize, Deserializer};
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

/// Most bytes of a body.
pub(crate) const MOST_BYTES: usize = 8 << 20;

/// How long a body may take to come: a megabyte takes that at 300 kilobits a second.
#[cfg(not(test))]
pub(crate) const TIME_OF_BODY: Duration = Duration::from_secs(30);
#[cfg(test)]
pub(crate) const TIME_OF_BODY: Duration = Duration::from_millis(300);

/// Most letters of one text.
pub(crate) const MOST_LETTERS: usize = 100_000;

/// Most values of one list.
pub(crate) const MOST_VALUES: usize = 100;

/// Parameters of a query, in order; each is taken once, and what nobody took is refused.
pub(crate) struct Parameters(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Parameters {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decoded(name)?, decoded(value)?))
        });
        pairs.collect::<Result<_, Failure>>().map(Self)
    }
}

/// `%41+b` is "A b".
fn decoded(text: &str) -> Result<String, Failure> {
    let wrong = || Failure::invalid("the query is not percent-encoded UTF-8");
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || {
                    let digit = rest.next().and_then(|b| char::from(b).to_digit(16));
                    digit.and_then(|d| u8::try_from(d).ok()).ok_or_else(wrong)
                };
                digit()? << 4 | digit()?
            }
            byte => byte,
        });
    }
    let text = String::from_utf8(bytes).map_err(|_| wrong())?;
    checked_text("the query", text)
}

impl Parameters {
    /// The value of a parameter that may be given once.
    pub(crate) fn one(&mut self, name: &str) -> Result<Option<String>, Failure> {
        let mut values = self.all(name)?.into_iter();
        match (values.next(), values.next()) {
            (one, None) => Ok(one),
            _ => Err(Failure::invalid(format!("{name} is given more than once"))),
        }
    }

    /// Every value of a parameter.
    pub(crate) fn all(&mut self, name: &str) -> Result<Vec<String>, Failure> {
        let (taken, rest) = std::mem::take(&mut self.0)
            .into_iter()
            .partition::<Vec<_>, _>(|(given, _)| given == name);
        self.0 = rest;
        if taken.len() > MOST_VALUES {
            let n = taken.len();
            let message = format!("{name} is given {n} times: at most {MOST_VALUES}");
            return Err(Failure::invalid(message));
        }
        Ok(taken.into_iter().map(|(_, value)| value).collect())
    }

    /// A value that is read as something else.
    pub(crate) fn parsed<T: FromStr<Err: Display>>(
        &mut self,
        name: &str,
    ) -> Result<Option<T>, Failure> {
        let Some(value) = self.one(name)? else {
            return Ok(None);
        };
        let parsed = value.parse();
        parsed
            .map(Some)
            .map_err(|error| Failure::invalid(format!("{name}: {error}")))
    }

    /// A number within bounds.
    pub(crate) fn number(
        &mut self,
        name: &str,
        default: usize,
        within: std::ops::RangeInclusive<usize>,
    ) -> Result<usize, Failure> {
        let number = self.parsed(name)?.unwrap_or(default);
        in_bounds(name, number, within)
    }

    /// "true" or "false".
    pub(crate) fn flag(&mut self, name: &str) -> Result<bool, Failure> {
        Ok(self.parsed(name)?.unwrap_or(false))
    }

    /// That nothing was given that nobody asked for.
    pub(crate) fn end(self) -> Result<(), Failure> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => {
                let message = format!("{name:?} is no parameter here: see /docs");
                Err(Failure::invalid(message))
            }
        }
    }
}

/// That a number is one of those allowed.
pub(crate) fn in_bounds(
    name: &str,
    number: usize,
    within: std::ops::RangeInclusive<usize>,
) -> Result<usize, Failure> {
    if within.contains(&number) {
        return Ok(number);
    }
    let (least, most) = (within.start(), within.end());
    let message = format!("{name} is {number}: it must be {least} to {most}");
    Err(Failure::invalid(message))
}

/// That a text is not too long.
pub(crate) fn checked_text(what: &str, text: String) -> Result<String, Failure> {
    bounded_text(what, text, MOST_LETTERS)
}

/// That a text has at most so many letters.
pub(crate) fn bounded_text(what: &str, text: String, most: usize) -> Result<String, Failure> {
    // No letter is less than a byte, and counting them takes a pass.
    if text.len() > most && text.chars().count() > most {
        return Err(Failure::invalid(format!(
            "{what} is longer than {most} letters"
        )));
    }
    Ok(text)
}

/// A whole number, also where it is written as 10.0, which JSON does not tell from 10.
pub(crate) fn whole<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i64>,
{
    let number = serde_json::Number::deserialize(from)?;
    let float = || {
        let float = number.as_f64()?;
        // Beyond these, not every whole number is a float.
        let whole = float.fract() == 0.0 && float.abs() < 9e15;
        whole.then_some(float as i64)
    };
    let whole = number.as_i64().or_else(float);
    let fits = whole.and_then(|whole| T::try_from(whole).ok());
    fits.ok_or_else(|| D::Error::custom(format!("{number} is no whole number that can be meant")))
}

#[derive(Deserialize)]
#[serde(bound = "T: TryFrom<i64>")]
struct Whole<T>(#[serde(deserialize_with = "whole")] T);

/// The same where it may be left out.
pub(crate) fn maybe_whole<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i64>,
{
    Ok(Option::<Whole<T>>::deserialize(from)?.map(|Whole(number)| number))
}

/// Several of them, those beyond what can be meant as the last that can.
pub(crate) fn wholes<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<i64>, D::Error> {
    let numbers = Vec::<serde_json::Number>::deserialize(from)?.into_iter();
    let one = |number: serde_json::Number| {
        let float = number.as_f64().filter(|float| float.fract() == 0.0);
        let whole = number.as_i64().or(float.map(|float| float as i64));
        whole.ok_or_else(|| D::Error::custom(format!("{number} is no whole number")))
    };
    numbers.map(one).collect()
}

/// The same where they may be left out.
pub(crate) fn maybe_wholes<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Vec<i64>>, D::Error> {
    #[derive(Deserialize)]
    struct Wholes(#[serde(deserialize_with = "wholes")] Vec<i64>);
    Ok(Option::<Wholes>::deserialize(from)?.map(|Wholes(numbers)| numbers))
}

/// The part of an address that names something.
pub(crate) struct Named(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let name = Path::<String>::from_request_parts(parts, state).await;
        let Path(name) = name.map_err(|_| {
            let message = "the address is not percent-encoded UTF-8";
            Failure::new(StatusCode::BAD_REQUEST, "bad_path", message)
        })?;
        checked_text("the address", name).map(Self)
    }
}

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            let message = "the body must be JSON, with the header Content-Type: application/json";
            return Err(Failure::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not_json",
                message,
            ));
        }
        let bytes = bytes_of(request, state).await?;
        // A list of the values of its fields would be taken for an object, too.
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        if first == Some(&b'[') && serde_json::from_slice::<IgnoredAny>(&bytes).is_ok() {
            return Err(Failure::invalid("the body must be a JSON object"));
        }
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            use serde_json::error::Category;
            let message = format!("the body is not what is expected: {error}");
            match error.classify() {
                Category::Data => Failure::invalid(message),
                _ => Failure::new(StatusCode::BAD_REQUEST, "bad_json", message),
            }
        })
    }
}

/// The body, unless it is longer than [`MOST_BYTES`], which a layer sees to.
async fn bytes_of<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Failure> {
    let read = tokio::time::timeout(TIME_OF_BODY, Bytes::from_request(request, state));
    let read = read.await.map_err(|_| {
        let message = "the body did not come in time: send it at once, or less of it";
        Failure::new(StatusCode::REQUEST_TIMEOUT, "too_slow", message)
    })?;
    read.map_err(|rejection| {
        let status = rejection.status();
        if status == StatusCode::PAYLOAD_TOO_LARGE {
            let message = format!("the body is longer than {MOST_BYTES} bytes: send it in parts");
            return Failure::new(status, "too_large", message);
        }
        Failure::new(
            StatusCode::BAD_REQUEST,
            "bad_body",
            "the body could not be read",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_percent_encoded_is_read_and_anything_else_refused() {
        assert_eq!(decoded("a%20b+c%C3%9F").unwrap(), "a b cß");
        for wrong in ["%", "%4", "%zz", "%ff", "%+1"] {
            assert!(decoded(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn whole_numbers_may_be_written_as_floats() {
        #[derive(Deserialize)]
        struct Of {
            #[serde(deserialize_with = "whole")]
            n: usize,
            #[serde(default, deserialize_with = "maybe_whole")]
            year: Option<i32>,
        }
        let read = |text: &str| {
            serde_json::from_str::<Of>(text)
                .ok()
                .map(|of| (of.n, of.year))
        };
        assert_eq!(read("{\"n\": 104.0, \"year\": -3}"), Some((104, Some(-3))));
        assert_eq!(read("{\"n\": 0, \"year\": null}"), Some((0, None)));
        for wrong in [
            "-1",
            "1.5",
            "1e300",
            "\"1\"",
            "null",
            "18446744073709551615",
        ] {
            assert_eq!(read(&format!("{{\"n\": {wrong}}}")), None, "{wrong}");
        }
    }

    #[test]
    fn what_nobody_took_is_refused() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut given = Parameters(vec![
            pair("limit", "3"),
            pair("venue", "a"),
            pair("venue", "b"),
        ]);
        assert_eq!(given.number("limit", 10, 1..=5).unwrap(), 3);
        assert_eq!(given.all("venue").unwrap(), ["a", "b"]);
        assert!(given.end().is_ok());
        let twice = || Parameters(vec![pair("limit", "3"), pair("limit", "9")]);
        assert!(twice().number("limit", 10, 1..=5).is_err());
        let error = twice().end().unwrap_err();
        assert_eq!(error.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
}
