//! Reports of journals that the model wrote.
