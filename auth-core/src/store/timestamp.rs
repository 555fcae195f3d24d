//! How each database keeps a [`Timestamp`]: `TIMESTAMPTZ` in Postgres, `INTEGER` in SQLite.
//!
//! SQLite has no type of its own for instants, and what sqlx would store for one is text with a
//! variable fraction, which does not sort.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::{Database, Decode, Encode, Type};

use crate::Timestamp;

macro_rules! stored_as {
    ($db:ty, $stored:ty, $encode:expr, $decode:expr) => {
        impl Type<$db> for Timestamp {
            fn type_info() -> <$db as Database>::TypeInfo {
                <$stored as Type<$db>>::type_info()
            }

            fn compatible(found: &<$db as Database>::TypeInfo) -> bool {
                <$stored as Type<$db>>::compatible(found)
            }
        }

        impl Encode<'_, $db> for Timestamp {
            fn encode_by_ref(
                &self,
                buffer: &mut <$db as Database>::ArgumentBuffer,
            ) -> Result<IsNull, BoxDynError> {
                let stored: $stored = $encode(*self);
                <$stored as Encode<$db>>::encode_by_ref(&stored, buffer)
            }
        }

        impl<'r> Decode<'r, $db> for Timestamp {
            fn decode(value: <$db as Database>::ValueRef<'r>) -> Result<Self, BoxDynError> {
                <$stored as Decode<$db>>::decode(value).map($decode)
            }
        }
    };
}

#[cfg(feature = "postgres")]
stored_as!(sqlx::Postgres, time::OffsetDateTime, Into::into, Timestamp::from);
#[cfg(feature = "sqlite")]
stored_as!(sqlx::Sqlite, i64, Timestamp::micros, Timestamp::from_micros);
