//! Which decisions a file has, and what each becomes.

use std::ops::Range;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{
    Arm, Attribute, BinOp, Block, Expr, ExprBinary, ExprIf, ExprMethodCall, ExprRepeat, File,
    GenericArgument, ImplItemConst, ImplItemFn, Item, ItemConst, ItemFn, ItemImpl, ItemStatic, Lit,
    Meta, Pat, PathArguments, ReturnType, Signature, Stmt, TraitItemFn, Type, UnOp, Variant,
};

use crate::edit::Edit;

/// Returns the edits of a file, an outer one before those within it.
pub(crate) fn find(text: &str, path: &str) -> Vec<Edit> {
    let file: File = syn::parse_str(text).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut finder = Finder { text, path, scope: Vec::new(), certain: None, edits: Vec::new() };
    finder.visit_file(&file);
    finder.edits
}

struct Finder<'a> {
    text: &'a str,
    path: &'a str,
    /// The type and the function that it is in.
    scope: Vec<String>,
    /// A condition that is made true and false already: its opposite is noticed wherever these are.
    certain: Option<Range<usize>>,
    edits: Vec<Edit>,
}

impl Finder<'_> {
    fn add(&mut self, range: Range<usize>, open: &str, close: &str, mutants: &[String]) {
        self.add_around(range, open, None, close, mutants);
    }

    fn add_around(
        &mut self,
        range: Range<usize>,
        open: &str,
        middle: Option<(Range<usize>, String)>,
        close: &str,
        mutants: &[String],
    ) {
        let scope = self.scope.join("::");
        let label = |mutant: &String| format!("{} `{scope}`: {mutant}", self.path);
        let mutants = mutants.iter().map(label).collect();
        let (open, close) = (open.to_owned(), close.to_owned());
        self.edits.push(Edit { range, open, middle, close, mutants });
    }

    /// The code as one line of bounded length.
    fn quote(&self, range: Range<usize>) -> String {
        let line = self.text[range].split_whitespace().collect::<Vec<_>>().join(" ");
        match line.char_indices().nth(90) {
            Some((end, _)) => format!("`{}…`", &line[..end]),
            None => format!("`{line}`"),
        }
    }

    /// Makes a condition true, and false.
    fn decide(&mut self, condition: &Expr) {
        let range = condition.span().byte_range();
        let what = self.quote(range.clone());
        let mutants = [format!("{what} is true"), format!("{what} is false")];
        self.add(range.clone(), "(#0 || !#1 && (", "))", &mutants);
        self.certain = Some(range);
    }

    /// Makes what has an opposite its opposite.
    fn negate(&mut self, expression: &Expr) {
        let range = expression.span().byte_range();
        if self.certain.as_ref() != Some(&range) {
            let what = self.quote(range.clone());
            self.add(range, "((", ") ^ #0)", &[format!("{what} is negated")]);
        }
    }

    /// Of a condition with patterns, everything but these may be true, and all of it false.
    fn decide_chain(&mut self, condition: &Expr) {
        for part in conjuncts(condition) {
            if !matches!(part, Expr::Let(_)) {
                let range = part.span().byte_range();
                let what = self.quote(range.clone());
                self.add(range, "(#0 || (", "))", &[format!("{what} is true")]);
            }
        }
        let range = condition.span().byte_range();
        let what = self.quote(range.clone());
        self.add(range.end..range.end, " && !#0", "", &[format!("{what} is false")]);
    }

    fn replace_operator(&mut self, binary: &ExprBinary) {
        let (left, right) = (binary.left.span().byte_range(), binary.right.span().byte_range());
        let range = left.start..right.end;
        let gap = left.end..right.start;
        let what = self.quote(range.clone());
        let other = match binary.op {
            BinOp::And(_) => "||",
            BinOp::Or(_) => "&&",
            BinOp::Lt(_) => "<=",
            BinOp::Le(_) => "<",
            BinOp::Gt(_) => ">=",
            BinOp::Ge(_) => ">",
            BinOp::Add(_) => "-",
            BinOp::Sub(_) => "+",
            _ => return,
        };
        let this = &self.text[binary.op.span().byte_range()];
        let both = format!("if #0 {{ l {other} r }} else {{ l {this} r }}");
        let mutants = [format!("{what} has `{other}`")];
        match binary.op {
            // Without a copy of either side: the left one decides whether the right one is asked.
            BinOp::And(_) => {
                let middle = Some((gap, ") != #0 { ".to_owned()));
                self.add_around(range, "(if (", middle, " } else { #0 })", &mutants);
            }
            BinOp::Or(_) => {
                let middle = Some((gap, ") != #0 { !#0 } else { ".to_owned()));
                self.add_around(range, "(if (", middle, " })", &mutants);
            }
            BinOp::Add(_) | BinOp::Sub(_) => {
                let middle = Some((gap, ", ".to_owned()));
                let close = format!(") {{ (l, r) => {both} }})");
                self.add_around(range, "(match (", middle, &close, &mutants);
            }
            _ => {
                let middle = Some((gap, "), &(".to_owned()));
                let close = format!(")) {{ (l, r) => {both} }})");
                self.add_around(range, "(match (&(", middle, &close, &mutants);
            }
        }
    }

    /// Lets a function return at once what says yes, no or nothing.
    fn replace_body(&mut self, signature: &Signature, block: &Block) {
        let at = block.brace_token.span.open().byte_range().end;
        let ReturnType::Type(_, output) = &signature.output else { return };
        let answers = answers(output);
        let returns: String = answers
            .iter()
            .enumerate()
            .map(|(index, answer)| format!(" if #{index} {{ return {answer}; }}"))
            .collect();
        if !answers.is_empty() {
            let mutants: Vec<_> =
                answers.iter().map(|answer| format!("returns `{answer}`")).collect();
            self.add(at..at, &returns, "", &mutants);
        }
    }

    fn function(&mut self, signature: &Signature, block: &Block, attributes: &[Attribute]) {
        if signature.constness.is_some() || is_left_alone(attributes) {
            return;
        }
        self.scope.push(signature.ident.to_string());
        self.replace_body(signature, block);
        self.visit_block(block);
        self.scope.pop();
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Mod(item) => &item.attrs,
            Item::Trait(item) => &item.attrs,
            _ => return,
        };
        if !is_left_alone(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.function(&item.sig, &item.block, &item.attrs);
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let of = item.trait_.as_ref().and_then(|(_, path, _)| path.segments.last());
        if of.is_some_and(|of| of.ident == "Debug" || of.ident == "Display") {
            return;
        }
        let name = item.self_ty.span().byte_range();
        self.scope.push(self.text[name].to_owned());
        visit::visit_item_impl(self, item);
        self.scope.pop();
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.function(&item.sig, &item.block, &item.attrs);
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        if let Stmt::Expr(expression, Some(_)) = statement
            && is_effect(expression)
            && !self.text[statement.span().byte_range()].starts_with('#')
        {
            let range = statement.span().byte_range();
            let what = self.quote(range.clone());
            self.add(range, "if !#0 { ", " }", &[format!("{what} is left out")]);
        }
        visit::visit_stmt(self, statement);
    }

    fn visit_expr_if(&mut self, expression: &'ast ExprIf) {
        if conjuncts(&expression.cond).any(|part| matches!(part, Expr::Let(_))) {
            self.decide_chain(&expression.cond);
            for part in conjuncts(&expression.cond) {
                self.certain = Some(part.span().byte_range());
                self.visit_expr(if let Expr::Let(part) = part { &part.expr } else { part });
            }
            self.visit_block(&expression.then_branch);
            if let Some((_, other)) = &expression.else_branch {
                self.visit_expr(other);
            }
        } else {
            self.decide(&expression.cond);
            visit::visit_expr_if(self, expression);
        }
    }

    fn visit_arm(&mut self, arm: &'ast Arm) {
        if is_left_alone(&arm.attrs) {
            return;
        }
        if let Some((_, guard)) = &arm.guard
            && !conjuncts(guard).any(|part| matches!(part, Expr::Let(_)))
        {
            self.decide(guard);
        }
        visit::visit_arm(self, arm);
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        if TAKE_CONDITIONS.iter().any(|name| call.method == name)
            && let Some(Expr::Closure(closure)) = call.args.first()
        {
            self.decide(&closure.body);
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr(&mut self, expression: &'ast Expr) {
        match expression {
            Expr::Const(_) => return,
            Expr::Binary(binary) => {
                if is_comparison(&binary.op) {
                    self.negate(expression);
                }
                self.replace_operator(binary);
            }
            Expr::Unary(unary) if matches!(unary.op, UnOp::Not(_)) => self.negate(expression),
            Expr::Macro(macro_) if macro_.mac.path.is_ident("matches") => self.negate(expression),
            Expr::Lit(literal) if matches!(literal.lit, Lit::Bool(_)) => self.negate(expression),
            _ => {}
        }
        visit::visit_expr(self, expression);
    }

    fn visit_expr_repeat(&mut self, repeat: &'ast ExprRepeat) {
        self.visit_expr(&repeat.expr);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block, &item.attrs);
        }
    }

    // Types, patterns, attributes and constants are evaluated when they are compiled.
    fn visit_type(&mut self, _: &'ast Type) {}
    fn visit_pat(&mut self, _: &'ast Pat) {}
    fn visit_attribute(&mut self, _: &'ast Attribute) {}
    fn visit_item_const(&mut self, _: &'ast ItemConst) {}
    fn visit_item_static(&mut self, _: &'ast ItemStatic) {}
    fn visit_impl_item_const(&mut self, _: &'ast ImplItemConst) {}
    fn visit_variant(&mut self, _: &'ast Variant) {}
}

/// The parts of a condition of which all have to be true.
fn conjuncts(condition: &Expr) -> impl Iterator<Item = &Expr> {
    let mut parts = Vec::new();
    let mut rest = condition;
    while let Expr::Binary(ExprBinary { left, op: BinOp::And(_), right, .. }) = rest {
        parts.push(&**right);
        rest = left;
    }
    parts.push(rest);
    parts.into_iter().rev()
}

/// Whether a statement is there for what it does.
fn is_effect(expression: &Expr) -> bool {
    match expression {
        Expr::Try(inner) => is_effect(&inner.expr),
        Expr::Await(inner) => is_effect(&inner.base),
        Expr::Assign(_) => true,
        Expr::Binary(binary) => matches!(binary.op, BinOp::AddAssign(_) | BinOp::SubAssign(_)),
        Expr::MethodCall(_) => true,
        // What is counted and logged decides nothing.
        Expr::Call(call) => match &*call.func {
            Expr::Path(path) => path.path.segments[0].ident != "telemetry",
            _ => true,
        },
        _ => false,
    }
}

/// What a function could return at once.
fn answers(output: &Type) -> Vec<String> {
    let Type::Path(path) = output else { return Vec::new() };
    let Some(last) = path.path.segments.last() else { return Vec::new() };
    let inner = match &last.arguments {
        PathArguments::AngleBracketed(arguments) => arguments.args.first(),
        _ => None,
    };
    match (&*last.ident.to_string(), inner) {
        ("bool", None) => vec!["true".to_owned(), "false".to_owned()],
        ("Option", Some(_)) => vec!["None".to_owned()],
        ("Result", Some(GenericArgument::Type(Type::Tuple(tuple)))) if tuple.elems.is_empty() => {
            vec!["Ok(())".to_owned()]
        }
        ("Result", Some(GenericArgument::Type(inner))) => {
            answers(inner).into_iter().map(|answer| format!("Ok({answer})")).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether it is compiled for tests only, or left out where every feature is on.
fn is_left_alone(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let Meta::List(list) = &attribute.meta else { return false };
        let condition = list.tokens.to_string();
        let mut words = condition.split(|c: char| !c.is_ascii_alphanumeric());
        let is_of_tests = words.any(|word| ["test", "fuzzing"].contains(&word));
        let left_out = condition.starts_with("not") || is_of_tests && !condition.contains("any");
        list.path.is_ident("cfg") && left_out
    })
}

fn is_comparison(operator: &BinOp) -> bool {
    matches!(
        operator,
        BinOp::Eq(_) | BinOp::Ne(_) | BinOp::Lt(_) | BinOp::Le(_) | BinOp::Gt(_) | BinOp::Ge(_)
    )
}

/// Methods whose first argument is a closure that says yes or no.
const TAKE_CONDITIONS: [&str; 14] = [
    "all",
    "any",
    "filter",
    "find",
    "is_err_and",
    "is_none_or",
    "is_ok_and",
    "is_some_and",
    "partition_point",
    "position",
    "retain",
    "skip_while",
    "take_if",
    "take_while",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::render;

    #[test]
    fn each_decision_has_its_mutants_and_the_rest_has_none() {
        let text = "
            const LIMIT: bool = 1 < 2;
            impl Door {
                const fn is_wide(&self) -> bool { self.width > 2 }
                async fn open(&self, key: &Key) -> Result<()> {
                    self.check(key).await?;
                    if let Some(other) = self.other && other.at < key.at { self.count -= 1; }
                    Ok(())
                }
            }
            #[cfg(test)]
            mod tests { fn works() -> bool { true } }
            #[cfg(all(test, feature = \"sqlite\"))]
            mod more { fn works() -> bool { true } }
            fn is_open(a: u32, b: bool) -> bool { !b || a + 1 == 2 }
        ";
        let edits = find(text, "door.rs");
        let labels: Vec<_> = edits.iter().flat_map(|edit| &edit.mutants).collect();
        assert_eq!(
            labels,
            [
                "door.rs `Door::open`: returns `Ok(())`",
                "door.rs `Door::open`: `self.check(key).await?;` is left out",
                "door.rs `Door::open`: `other.at < key.at` is true",
                "door.rs `Door::open`: `let Some(other) = self.other && other.at < key.at` is false",
                "door.rs `Door::open`: `other.at < key.at` has `<=`",
                "door.rs `Door::open`: `self.count -= 1;` is left out",
                "door.rs `is_open`: returns `true`",
                "door.rs `is_open`: returns `false`",
                "door.rs `is_open`: `!b || a + 1 == 2` has `&&`",
                "door.rs `is_open`: `!b` is negated",
                "door.rs `is_open`: `a + 1 == 2` is negated",
                "door.rs `is_open`: `a + 1` has `-`",
            ]
        );
    }

    #[test]
    fn what_is_written_is_code() {
        let text = "fn f(a: u32, b: bool) -> bool { let c = !b || a + 1 == 2 && a < 3; c }";
        let edits = find(text, "f.rs");
        let rendered = render(text, edits.iter().enumerate(), |edit| edit);
        syn::parse_str::<File>(&rendered.text).expect("it parses");
        for (edit, place) in &rendered.places {
            let written = &rendered.text[place.clone()];
            let edit = &edits[*edit];
            assert!(
                written.starts_with(edit.open.split('#').next().unwrap_or_default()),
                "{written}"
            );
            assert!(
                written.len() >= edit.open.len() + edit.range.len() + edit.close.len(),
                "{written}"
            );
        }
    }
}
