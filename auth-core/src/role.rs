/// A role that a route of the host asks for, for the adapters' `RequireRole`.
///
/// ```
/// struct Editor;
///
/// impl auth_core::Role for Editor {
///     const NAME: &'static str = "editor";
/// }
/// ```
///
/// What a role allows is the host's decision; here it is one of [`User::roles`](crate::User::roles).
pub trait Role: 'static {
    /// The name, exactly as it stands among the roles of a user.
    const NAME: &'static str;
}
