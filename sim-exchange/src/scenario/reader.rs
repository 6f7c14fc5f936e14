//! A TOML table that knows its path, hands out each key once and refuses what is left.

use super::ScenarioError;
use crate::faults::Setting;
use mm_core::domain::{Nanos, Price, Qty, Usdc, parse_decimal};
use toml::{Table, Value};

/// One table being read.
pub(super) struct Keys {
    path: String,
    table: Table,
    known: Vec<&'static str>,
}

impl Keys {
    pub(super) fn new(path: impl Into<String>, table: Table) -> Self {
        Self { path: path.into(), table, known: Vec::new() }
    }

    /// The full path of a key, as an error names it.
    pub(super) fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// An error about one of this table's keys.
    pub(super) fn bad(&self, key: &str, why: impl std::fmt::Display) -> ScenarioError {
        ScenarioError::Key { key: self.at(key), why: why.to_string() }
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.table.remove(key)
    }

    fn wrong(&self, key: &str, wanted: &str, got: &Value) -> ScenarioError {
        self.bad(key, format_args!("must be {wanted}, is {}", got.type_str()))
    }

    pub(super) fn text(&mut self, key: &'static str) -> Result<Option<String>, ScenarioError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(key, "a string", &other)),
        }
    }

    pub(super) fn flag(&mut self, key: &'static str) -> Result<Option<bool>, ScenarioError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Boolean(flag)) => Ok(Some(flag)),
            Some(other) => Err(self.wrong(key, "true or false", &other)),
        }
    }

    /// A whole number in `lo..=hi`.
    pub(super) fn number(&mut self, key: &'static str, lo: u64, hi: u64) -> Result<Option<u64>, ScenarioError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Integer(n)) => match u64::try_from(n) {
                Ok(n) if (lo..=hi).contains(&n) => Ok(Some(n)),
                _ => Err(self.bad(key, format_args!("must be {lo}..={hi}, is {n}"))),
            },
            Some(other) => Err(self.wrong(key, "a whole number", &other)),
        }
    }

    /// Milliseconds, at most a day.
    pub(super) fn ms(&mut self, key: &'static str) -> Result<Option<Nanos>, ScenarioError> {
        Ok(self.number(key, 0, 86_400_000)?.map(Nanos::from_ms))
    }

    /// A decimal, written as a string or a number, in units of `10^-scale`, at most `hi` units.
    pub(super) fn decimal(&mut self, key: &'static str, scale: u32, hi: u64) -> Result<Option<u64>, ScenarioError> {
        let text = match self.take(key) {
            None => return Ok(None),
            Some(Value::String(text)) => text,
            Some(Value::Integer(n)) => n.to_string(),
            Some(Value::Float(n)) => n.to_string(),
            Some(other) => return Err(self.wrong(key, "a decimal", &other)),
        };
        match parse_decimal(&text, scale) {
            Ok(n) if n <= hi => Ok(Some(n)),
            Ok(_) => Err(self.bad(key, format_args!("{text} is too large"))),
            Err(why) => Err(self.bad(key, format_args!("{text:?}: {why}"))),
        }
    }

    pub(super) fn price(&mut self, key: &'static str) -> Result<Option<Price>, ScenarioError> {
        let n = self.decimal(key, Price::DECIMALS, 10_000)?;
        Ok(n.and_then(|n| u16::try_from(n).ok()).and_then(Price::from_ten_thousandths))
    }

    pub(super) fn qty(&mut self, key: &'static str) -> Result<Option<Qty>, ScenarioError> {
        Ok(self.decimal(key, 6, MONEY_MAX)?.map(Qty::from_micro))
    }

    pub(super) fn usdc(&mut self, key: &'static str) -> Result<Option<Usdc>, ScenarioError> {
        Ok(self.decimal(key, 6, MONEY_MAX)?.map(Usdc::from_micro))
    }

    /// A parameter of a fault: a whole number, `[smallest, largest]`, or a word.
    pub(super) fn setting(&mut self, key: &'static str) -> Result<Option<Setting>, ScenarioError> {
        let wanted = "a whole number, [smallest, largest] or a word";
        let number = |value: &Value| value.as_integer().and_then(|n| u64::try_from(n).ok());
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(word)) => Ok(Some(Setting::Word(word))),
            Some(value) => {
                let ends = value.as_array().map(|list| list.iter().map(number).collect::<Vec<_>>());
                match (number(&value), ends.as_deref()) {
                    (Some(n), _) => Ok(Some(Setting::Number(n))),
                    (_, Some([Some(lo), Some(hi)])) => Ok(Some(Setting::Between(*lo, *hi))),
                    _ => Err(self.wrong(key, wanted, &value)),
                }
            }
        }
    }

    /// A sub-table.
    pub(super) fn table(&mut self, key: &'static str) -> Result<Option<Self>, ScenarioError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Table(table)) => Ok(Some(Self::new(self.at(key), table))),
            Some(other) => Err(self.wrong(key, "a table", &other)),
        }
    }

    /// A sub-table that somebody else reads.
    pub(super) fn whole_table(&mut self, key: &'static str) -> Result<Option<Table>, ScenarioError> {
        Ok(self.table(key)?.map(|keys| keys.table))
    }

    /// An array of tables; `path[3]` names the fourth.
    pub(super) fn tables(&mut self, key: &'static str) -> Result<Vec<Self>, ScenarioError> {
        let rows = match self.take(key) {
            None => return Ok(Vec::new()),
            Some(Value::Array(rows)) => rows,
            Some(other) => return Err(self.wrong(key, "an array of tables", &other)),
        };
        let mut out = Vec::new();
        for (n, row) in rows.into_iter().enumerate() {
            match row {
                Value::Table(table) => out.push(Self::new(format!("{}[{n}]", self.at(key)), table)),
                other => return Err(self.wrong(key, "an array of tables", &other)),
            }
        }
        Ok(out)
    }

    /// `"all"`, or a list of strings.
    pub(super) fn all_or_list(&mut self, key: &'static str) -> Result<Option<Vec<String>>, ScenarioError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) if text == "all" => Ok(None),
            Some(Value::Array(rows)) => rows
                .into_iter()
                .map(|row| match row {
                    Value::String(text) => Ok(text),
                    other => Err(self.wrong(key, "\"all\" or a list of strings", &other)),
                })
                .collect::<Result<Vec<_>, _>>()
                .map(Some),
            Some(other) => Err(self.wrong(key, "\"all\" or a list of strings", &other)),
        }
    }

    /// Nothing may be left: what is, is a key nobody knows.
    pub(super) fn end(self) -> Result<(), ScenarioError> {
        match self.table.keys().next() {
            None => Ok(()),
            Some(key) => Err(self.bad(key, format_args!("unknown key; known here: {}", self.known.join(", ")))),
        }
    }
}

/// No amount in a scenario is above a billion: sums over all accounts then fit with room to spare.
const MONEY_MAX: u64 = 1_000_000_000_000_000;
