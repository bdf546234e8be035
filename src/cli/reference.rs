//! The generated part of the documentation, made from the definitions that the program runs on.
