//! Agents through one text helper, against plain models, and in a small street of their own.

mod board;
mod closed_forms;
mod luck;
mod makers;
mod own;
mod promises;
mod scene;
mod street;
mod takers;
