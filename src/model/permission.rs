//! What users and keys may do.

/// Role of a user.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr, strum::EnumString, utoipa::ToSchema,
)]
#[strum(serialize_all = "lowercase")]
#[schema(rename_all = "lowercase")]
pub enum Role {
    /// Reads reports.
    Viewer,
    /// Also edits funnels, items and offers.
    Marketer,
    /// Also manages sites and users.
    Owner,
}

/// Permissions of an API key.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr, strum::EnumString, utoipa::ToSchema,
)]
#[strum(serialize_all = "lowercase")]
#[schema(rename_all = "lowercase")]
pub enum Scope {
    /// Reads reports and metrics.
    Read,
    /// Also acts for visitors: verified user ids, full explanations.
    Server,
    /// Also edits.
    Admin,
}

macro_rules! names {
    ($type:ident) => {
        impl $type {
            /// The name in the database and the API.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                self.into()
            }

            /// Parses the name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                name.parse().ok()
            }
        }
    };
}
names!(Role);
names!(Scope);
