//! The core called from code, without HTTP: a person signs up, opens the mail, signs in and out.
//!
//! `cargo run -p example-direct` needs nothing: the database is in memory, and so is the mailbox.

use std::error::Error;

use auth_core::{
    Activate, Auth, Client, Config, Mailbox, MasterSecret, OneTimeToken, SignIn, SignUp, SignedIn,
    Store, SystemRandom, Tokens,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mailbox = Mailbox::new();
    let store = Store::sqlite("sqlite::memory:").await?;
    let secret = MasterSecret::generate(&SystemRandom);
    let config = Config::new("http://127.0.0.1:8000")?;
    let auth = Auth::builder(config, store, secret).mailer(mailbox.clone()).build().await?;
    let client = Client::new(None, Some("example-direct"));

    auth.sign_up(SignUp::new(EMAIL, PASSWORD), &client).await?;
    println!("{EMAIL} signed up.");
    match sign_in(&auth, &client).await {
        Ok(_) => return Err("nobody signs in with an address that is not proven".into()),
        Err(error) => println!("Too early to sign in: {error}"),
    }

    auth.deliver().await?;
    let token = token_of_newest_mail(&mailbox).ok_or("the mail has no link")?;
    auth.activate(Activate { token, password: None }, &client).await?;
    println!("The link in the mail proved the address.");

    let Tokens { access_token, refresh_token, user, expires_in, .. } =
        sign_in(&auth, &client).await?;
    println!("{} signed in, for {} s without asking again.", user.email, expires_in.as_secs());
    let session = auth.session(&access_token).await?;
    println!("Sessions: {}.", auth.sessions(&session).await?.len());

    let next = auth.refresh(&refresh_token, &client).await?;
    println!("The tokens were exchanged for the next ones.");
    auth.sign_out(&next.refresh_token, &client).await?;
    match auth.session(&next.access_token).await {
        Ok(_) => Err("no token outlives its session".into()),
        Err(error) => {
            println!("Signed out: {error}");
            Ok(())
        }
    }
}

async fn sign_in(auth: &Auth, client: &Client) -> Result<Tokens, Box<dyn Error>> {
    match auth.sign_in(SignIn::new(EMAIL, PASSWORD), client).await? {
        SignedIn::Session(tokens) => Ok(tokens),
        _ => Err("this user has no second factor".into()),
    }
}

fn token_of_newest_mail(mailbox: &Mailbox) -> Option<OneTimeToken> {
    let mail = mailbox.mails().into_iter().next()?;
    println!("{} got a mail: {}", mail.to, mail.subject);
    let (_, token) = mail.link.as_deref()?.split_once("#token=")?;
    Some(token.into())
}

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "nine apples under a tin roof";
