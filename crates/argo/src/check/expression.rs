//! Expressions, as far as their references and their shape tell: strings, names, brackets.

/// Words of the language.
const WORDS: [&str; 5] = ["false", "in", "nil", "not", "true"];

/// A part of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// A name, or the next name of a path after a dot.
    Word(String),
    Text(String),
    Sign(char),
}

/// The paths that an expression refers to, such as `tasks.a.outputs.parameters.x` for `tasks['a'].outputs.parameters['x']`.
///
/// # Errors
///
/// What is wrong with the text: a quote or a bracket that is not closed.
pub(super) fn paths(expression: &str) -> Result<Vec<String>, String> {
    let tokens = tokens(expression)?;
    balanced(&tokens)?;
    let mut paths = Vec::new();
    let mut rest = &tokens[..];
    while let Some((token, after)) = rest.split_first() {
        rest = after;
        let Token::Word(first) = token else { continue };
        if first.starts_with(|c: char| c.is_ascii_digit()) || WORDS.contains(&first.as_str()) {
            continue;
        }
        let mut path = first.clone();
        loop {
            match rest {
                [Token::Sign('.'), Token::Word(word), after @ ..] => {
                    path = format!("{path}.{word}");
                    rest = after;
                }
                [Token::Sign('['), Token::Text(key), Token::Sign(']'), after @ ..] => {
                    path = format!("{path}.{key}");
                    rest = after;
                }
                _ => break,
            }
        }
        let is_called = rest.first() == Some(&Token::Sign('('));
        if !is_called {
            paths.push(path);
        }
    }
    Ok(paths)
}

/// Checks an expression of `&&`, `||`, `!`, parentheses and operands.
///
/// # Errors
///
/// What is wrong with it.
pub(super) fn boolean(text: &str, operand: &dyn Fn(&str) -> Result<(), String>) -> Result<(), String> {
    let spaced = text.replace('(', " ( ").replace(')', " ) ").replace('!', " ! ");
    let (mut depth, mut wants_operand) = (0_usize, true);
    for word in spaced.split_whitespace() {
        match (word, wants_operand) {
            ("(", true) => depth += 1,
            ("!", true) => {}
            (")", false) if depth > 0 => depth -= 1,
            ("&&" | "||", false) => wants_operand = true,
            ("(" | ")" | "!" | "&&" | "||", _) => return Err(format!("got `{word}` in the wrong place of `{text}`")),
            (word, true) => {
                operand(word)?;
                wants_operand = false;
            }
            (word, false) => return Err(format!("got `{word}`, expected `&&` or `||` in `{text}`")),
        }
    }
    if depth > 0 || wants_operand { Err(format!("`{text}` ends too early")) } else { Ok(()) }
}

fn tokens(expression: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut characters = expression.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\'' | '"' => tokens.push(Token::Text(quoted(c, &mut characters, expression)?)),
            c if c.is_ascii_alphanumeric() || c == '_' => {
                let mut word = String::from(c);
                while let Some(next) = characters.next_if(|next| next.is_ascii_alphanumeric() || *next == '_') {
                    word.push(next);
                }
                tokens.push(Token::Word(word));
            }
            c if c.is_whitespace() => {}
            c => tokens.push(Token::Sign(c)),
        }
    }
    Ok(tokens)
}

fn quoted(quote: char, characters: &mut impl Iterator<Item = char>, expression: &str) -> Result<String, String> {
    let mut text = String::new();
    while let Some(c) = characters.next() {
        match c {
            '\\' => text.extend(characters.next()),
            c if c == quote => return Ok(text),
            c => text.push(c),
        }
    }
    Err(format!("a quote is not closed in `{expression}`"))
}

fn balanced(tokens: &[Token]) -> Result<(), String> {
    let mut open = Vec::new();
    for token in tokens {
        let Token::Sign(sign) = token else { continue };
        match sign {
            '(' => open.push(')'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            ')' | ']' | '}' if open.pop() != Some(*sign) => return Err(format!("got `{sign}` without its like")),
            _ => {}
        }
    }
    open.pop().map_or(Ok(()), |sign| Err(format!("`{sign}` is missing")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_in_both_spellings() {
        let expression = "tasks['a-b'].outputs.parameters['x'] in ['v.w', inputs.parameters.y] && !(len(jsonpath(workflow.parameters['l'], '$')) == 3)";
        assert_eq!(
            paths(expression).unwrap(),
            ["tasks.a-b.outputs.parameters.x", "inputs.parameters.y", "workflow.parameters.l"]
        );
        assert_eq!(paths("'v' in ['v']").unwrap(), [""; 0]);
        assert_eq!(paths("{'Failed': 'x'}[workflow.status]").unwrap(), ["workflow.status"]);
    }

    #[test]
    fn broken_expressions() {
        for expression in ["'a", "(a", "a)", "[a)", "{"] {
            assert!(paths(expression).is_err(), "{expression}");
        }
    }

    #[test]
    fn conditions() {
        let any = |_: &str| Ok(());
        for condition in ["a.Succeeded", "a && (b.Failed || !c)", "!(a||b)"] {
            let spaced = condition.replace("||", " || ");
            assert_eq!(boolean(&spaced, &any), Ok(()), "{condition}");
        }
        for condition in ["", "a b", "a &&", "(a", "a)", "&& a", "a ! b"] {
            assert!(boolean(condition, &any).is_err(), "{condition}");
        }
    }
}
