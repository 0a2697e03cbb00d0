//! Names inside of HTML and XML, where they stay text.

use std::fmt;

/// Text in an element or in a quoted attribute: whatever it holds, it stays text.
#[derive(Clone, Copy, Debug)]
pub struct Markup<T>(pub T);

impl<T: fmt::Display> fmt::Display for Markup<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::write(&mut Escaped(f), format_args!("{}", self.0))
    }
}

struct Escaped<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl fmt::Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| match c {
            '&' => self.0.write_str("&amp;"),
            '<' => self.0.write_str("&lt;"),
            '>' => self.0.write_str("&gt;"),
            '"' => self.0.write_str("&quot;"),
            '\'' => self.0.write_str("&#39;"),
            c if c.is_control() => self.0.write_str("\u{fffd}"),
            c => write!(self.0, "{c}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_becomes_markup() {
        let told = Markup("<script>alert('x\u{1b}[31m')</script>&\"").to_string();
        assert_eq!(told, "&lt;script&gt;alert(&#39;x\u{fffd}[31m&#39;)&lt;/script&gt;&amp;&quot;");
    }
}
