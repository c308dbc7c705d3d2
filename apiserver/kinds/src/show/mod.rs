//! Tables: columns and cells of each kind, as kubectl prints them.
