//! Writing HTML in which names stay text.

use std::fmt;

/// Text inside HTML, in an element or in a quoted attribute: whatever it holds, it stays text.
pub(super) struct Html<T>(pub(super) T);

impl<T: fmt::Display> fmt::Display for Html<T> {
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

/// Text inside a path or a query of a URL.
pub(super) struct InUrl<'a>(pub(super) &'a str);

impl fmt::Display for InUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.bytes().try_for_each(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => write!(f, "{}", char::from(byte)),
            byte => write!(f, "%{byte:02X}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_becomes_markup() {
        let told = Html("<script>alert('x\u{1b}[31m')</script>&\"").to_string();
        assert_eq!(told, "&lt;script&gt;alert(&#39;x\u{fffd}[31m&#39;)&lt;/script&gt;&amp;&quot;");
        assert_eq!(InUrl("a/b?c=<d>&\\046.example.").to_string(), "a%2Fb%3Fc%3D%3Cd%3E%26%5C046.example.");
    }
}
