//! The picture of runs that the model made.
