//! Texts on their way from Tekton's `$(...)` to Argo's `{{...}}`.

use crate::error::Reason;

/// What opens a tag of Argo's.
const OPEN: &str = "{{";
/// What closes it.
const CLOSE: &str = "}}";

/// Something that Argo replaces by a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    /// A fact of the workflow: `name`, `uid`, `namespace`.
    Workflow(&'static str),
    /// An argument of the workflow.
    Argument(String),
    /// An input of the template.
    Input(String),
    /// What another task of the graph left.
    Output { task: String, parameter: String },
    /// The number of the attempt, from 0.
    Retries,
    /// The item of a fan-out, or a field of it.
    Item(Option<String>),
}

impl Reference {
    /// What stands between the braces.
    pub(crate) fn tag(&self) -> String {
        match self {
            Self::Workflow(fact) => format!("workflow.{fact}"),
            Self::Argument(name) => format!("workflow.parameters.{name}"),
            Self::Input(name) => format!("inputs.parameters.{name}"),
            Self::Output { task, parameter } => format!("tasks.{task}.outputs.parameters.{parameter}"),
            Self::Retries => "retries".to_owned(),
            Self::Item(None) => "item".to_owned(),
            Self::Item(Some(field)) => format!("item.{field}"),
        }
    }

    /// The same inside an expression, where a name with a dash needs brackets.
    pub(crate) fn expression(&self) -> String {
        match self {
            Self::Argument(name) => format!("workflow.parameters['{name}']"),
            Self::Input(name) => format!("inputs.parameters['{name}']"),
            Self::Output { task, parameter } => format!("tasks['{task}'].outputs.parameters['{parameter}']"),
            Self::Item(Some(field)) => format!("item['{field}']"),
            Self::Workflow(_) | Self::Retries | Self::Item(None) => self.tag(),
        }
    }

    /// One item of the JSON list, or one key of the JSON object, that this stands for.
    pub(crate) fn part(&self, path: &str) -> Result<Piece, Reason> {
        Ok(Piece::Expression(format!("jsonpath({}, {})", self.expression(), quoted(path)?)))
    }

    /// How many items the JSON list has that this stands for.
    pub(crate) fn length(&self) -> String {
        format!("len(jsonpath({}, '$'))", self.expression())
    }
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Known now.
    Text(String),
    /// Replaced by Argo.
    Reference(Reference),
    /// Computed by Argo.
    Expression(String),
}

/// Says what the references of a text stand for.
pub(crate) trait Names {
    /// What `$(expression)` stands for; `None` leaves it as text, as Tekton does with what it does not know.
    fn resolve(&self, expression: &str) -> Result<Option<Piece>, Reason>;
}

/// A text in parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Content(Vec<Piece>);

impl Content {
    /// Takes a text apart. As in Tekton, what a reference brings in is not looked at again.
    pub(crate) fn parse(text: &str, names: &dyn Names) -> Result<Self, Reason> {
        let mut content = Self::default();
        let mut rest = text;
        while let Some(start) = rest.find("$(") {
            let (before, tail) = rest.split_at(start);
            content.push(Piece::Text(before.to_owned()));
            let reference = tail.find(')').map(|end| (&tail[2..end], &tail[end + 1..]));
            let piece = reference.map(|(expression, _)| names.resolve(expression)).transpose()?.flatten();
            if let (Some(piece), Some((_, after))) = (piece, reference) {
                content.push(piece);
                rest = after;
            } else {
                content.push(Piece::Text("$(".to_owned()));
                rest = &tail[2..];
            }
        }
        content.push(Piece::Text(rest.to_owned()));
        Ok(content)
    }

    /// A text without references.
    pub(crate) fn text(text: &str) -> Self {
        Self::from(Piece::Text(text.to_owned()))
    }

    fn push(&mut self, piece: Piece) {
        match (self.0.last_mut(), piece) {
            (_, Piece::Text(text)) if text.is_empty() => {}
            (Some(Piece::Text(last)), Piece::Text(text)) => last.push_str(&text),
            (_, piece) => self.0.push(piece),
        }
    }

    /// All of it, when it is known now.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.0[..] {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// What it stands for, when it is nothing but one reference.
    pub(crate) fn as_reference(&self) -> Option<&Reference> {
        if let [Piece::Reference(reference)] = &self.0[..] { Some(reference) } else { None }
    }

    /// The text with Argo's tags in it.
    pub(crate) fn render(&self) -> Result<String, Reason> {
        let mut rendered = String::new();
        for piece in &self.0 {
            let tag = match piece {
                Piece::Text(text) => {
                    literal(text)?;
                    rendered.push_str(text);
                    continue;
                }
                Piece::Reference(reference) => reference.tag(),
                Piece::Expression(expression) => format!("={expression}"),
            };
            if rendered.ends_with('{') {
                let message = "a `{` right before a reference: Argo would read it as part of its tag";
                return Err(Reason::new(message, "put a space between the two"));
            }
            rendered.extend([OPEN, &tag, CLOSE]);
        }
        Ok(rendered)
    }

    /// The text as a part of an expression.
    pub(crate) fn operand(&self) -> Result<String, Reason> {
        let expression = self.expression()?;
        Ok(if self.0.len() > 1 { format!("({expression})") } else { expression })
    }

    /// The text as an expression.
    pub(crate) fn expression(&self) -> Result<String, Reason> {
        let part = |piece: &Piece| match piece {
            Piece::Text(text) => quoted(text),
            Piece::Reference(reference) => Ok(reference.expression()),
            Piece::Expression(expression) => Ok(format!("string({expression})")),
        };
        let parts: Vec<String> = self.0.iter().map(part).collect::<Result<_, _>>()?;
        Ok(if parts.is_empty() { "''".to_owned() } else { parts.join(" + ") })
    }
}

impl From<Piece> for Content {
    fn from(piece: Piece) -> Self {
        let mut content = Self::default();
        content.push(piece);
        content
    }
}

impl From<Reference> for Content {
    fn from(reference: Reference) -> Self {
        Self::from(Piece::Reference(reference))
    }
}

/// Refuses a text that Argo would take for a tag; it knows no way to write one that is none.
pub(crate) fn literal(text: &str) -> Result<(), Reason> {
    if text.contains(OPEN) {
        let message =
            format!("the text has `{OPEN}` in it, which Argo takes for a tag of its own and cannot be told not to");
        return Err(Reason::new(
            message,
            "write it otherwise, or bring it in by a file or a variable of the environment",
        ));
    }
    Ok(())
}

/// A text inside an expression.
pub(crate) fn quoted(text: &str) -> Result<String, Reason> {
    // Argo takes an expression with `?` in it for a choice, even inside quotes, and ends one at the first closing braces.
    if let Some(odd) = [OPEN, CLOSE, "?"].into_iter().find(|odd| text.contains(odd)) {
        let message = format!("a text with `{odd}` is compared or joined, which an expression of Argo's cannot hold");
        return Err(Reason::new(message, "use another text"));
    }
    let escaped = text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n").replace('\t', "\\t");
    Ok(format!("'{escaped}'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Known;

    impl Names for Known {
        fn resolve(&self, expression: &str) -> Result<Option<Piece>, Reason> {
            Ok(match expression {
                "params.x" => Some(Piece::Reference(Reference::Input("x".to_owned()))),
                "params.c" => Some(Piece::Text("constant".to_owned())),
                "params.l[0]" => Some(Reference::Input("l".to_owned()).part("$[0]")?),
                "params.bad" => return Err(Reason::new("bad", "none")),
                _ => None,
            })
        }
    }

    fn content(text: &str) -> Content {
        Content::parse(text, &Known).unwrap()
    }

    #[test]
    fn references_become_tags_and_what_is_unknown_stays() {
        for (text, rendered) in [
            ("--a=$(params.x)", "--a={{inputs.parameters.x}}"),
            ("$(date) $(cat \"$(params.x)/f\") $(", "$(date) $(cat \"{{inputs.parameters.x}}/f\") $("),
            ("$$(params.c)", "$constant"),
            ("$(params.l[0])", "{{=jsonpath(inputs.parameters['l'], '$[0]')}}"),
            ("$(params.x)}", "{{inputs.parameters.x}}}"),
        ] {
            assert_eq!(content(text).render().unwrap(), rendered, "{text}");
        }
    }

    #[test]
    fn texts_as_expressions() {
        for (text, expression) in [
            ("", "''"),
            ("it's", "'it\\'s'"),
            ("a\\b", "'a\\\\b'"),
            ("v-$(params.x)", "'v-' + inputs.parameters['x']"),
            ("$(params.l[0])", "string(jsonpath(inputs.parameters['l'], '$[0]'))"),
        ] {
            assert_eq!(content(text).expression().unwrap(), expression, "{text}");
        }
    }

    #[test]
    fn what_argo_would_misread_is_refused() {
        for text in ["{{x}}", "{$(params.x)"] {
            assert!(content(text).render().is_err(), "{text}");
        }
        for text in ["a?b", "}}", "{{"] {
            assert!(content(text).expression().is_err(), "{text}");
        }
        assert!(Content::parse("$(params.bad)", &Known).is_err());
    }

    #[test]
    fn constants_join_the_text_around_them() {
        assert_eq!(content("a$(params.c)b").as_text(), Some("aconstantb"));
        assert_eq!(content("$(params.x)").as_reference(), Some(&Reference::Input("x".to_owned())));
        assert_eq!(content("x$(params.x)").as_reference(), None);
    }

    proptest! {
        #[test]
        fn text_without_braces_and_references_is_untouched(text in "[^{]*") {
            prop_assume!(!text.contains("$(params."));
            prop_assert_eq!(content(&text).render().unwrap(), text);
        }
    }
}
