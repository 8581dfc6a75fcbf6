//! Users, logins, roles and keys.
