//! Reward scores: see below.
