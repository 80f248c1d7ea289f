//! The bot's parameters, out of the JSON in `BOT_CONFIG`: enough for flat ones. For more, use the crate `serde_json`.

use std::env;

pub struct Config(String);

impl Config {
    pub fn from_environment() -> Config {
        Config(env::var("BOT_CONFIG").expect("herdsman sets BOT_CONFIG"))
    }

    /// A text, as it stands between its quotation marks.
    pub fn text(&self, key: &str) -> &str {
        let value = self.after(key).strip_prefix('"').expect("a text");
        let mut escaped = false;
        let end = value.find(|letter| {
            let ends = letter == '"' && !escaped;
            escaped = letter == '\\' && !escaped;
            ends
        });
        &value[..end.expect("sound JSON")]
    }

    #[allow(dead_code)]
    pub fn number(&self, key: &str) -> f64 {
        let value = self.after(key);
        let end = value.find([',', '}']).unwrap_or(value.len());
        value[..end].trim().parse().expect("a number")
    }

    fn after(&self, key: &str) -> &str {
        let quoted = format!("\"{key}\"");
        let start = self.0.find(&quoted).unwrap_or_else(|| panic!("there is no parameter {key}"));
        let value = self.0[start + quoted.len()..].trim_start();
        value.strip_prefix(':').expect("a key").trim_start()
    }
}
