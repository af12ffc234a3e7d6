//! Renders output as a terminal does. The result has the lines on the screen and the lines that scrolled off, without
//! escape sequences.

/// Renders output on a terminal with this number of columns. Drops trailing blanks and empty lines.
pub(super) fn render(output: &str, columns: usize) -> String {
    let mut terminal = Terminal { columns, screen: Screen::default(), main: None };
    terminal.feed(output);
    let lines = terminal.screen.rows.iter().map(|row| row.iter().collect::<String>().trim_end().to_owned());
    let text = lines.collect::<Vec<_>>().join("\n");
    format!("{}\n", text.trim_end())
}

/// The features of a terminal that a program without full-screen output uses (ECMA-48).
struct Terminal {
    columns: usize,
    screen: Screen,
    /// The main screen, kept while the alternate screen is shown.
    main: Option<Screen>,
}

/// The lines of a screen and the position of the cursor.
struct Screen {
    rows: Vec<Vec<char>>,
    row: usize,
    column: usize,
}

impl Default for Screen {
    fn default() -> Self {
        Self { rows: vec![Vec::new()], row: 0, column: 0 }
    }
}

impl Terminal {
    fn feed(&mut self, text: &str) {
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            match character {
                '\x1b' => match rest.next() {
                    Some('[') => {
                        let mut parameters = String::new();
                        let last = rest.find(|c| {
                            let is_last = ('\x40'..='\x7e').contains(c);
                            parameters.extend((!is_last).then_some(*c));
                            is_last
                        });
                        self.control(last.unwrap_or_default(), &parameters);
                    }
                    // An operating system command ends with BEL, or with ESC and a backslash.
                    Some(']') => while !matches!(rest.next(), Some('\x07' | '\\') | None) {},
                    _ => {}
                },
                '\r' => self.screen.column = 0,
                '\n' => self.screen.down(),
                '\x08' => self.screen.column = self.screen.column.saturating_sub(1),
                '\t' => self.screen.column = (self.screen.column / 8 + 1) * 8,
                character if character.is_control() => {}
                character => self.screen.put(character, self.columns),
            }
        }
    }

    fn control(&mut self, last: char, parameters: &str) {
        match (last, parameters) {
            ('h', "?1049") => self.main = Some(std::mem::take(&mut self.screen)),
            ('l', "?1049") => self.screen = self.main.take().unwrap_or_default(),
            _ => self.screen.control(last, parameters),
        }
    }
}

impl Screen {
    fn control(&mut self, last: char, parameters: &str) {
        let count = parameters.parse().unwrap_or(1);
        match (last, parameters) {
            ('A', _) => self.row = self.row.saturating_sub(count),
            ('B', _) => (0..count).for_each(|_| self.down()),
            ('C', _) => self.column += count,
            ('D', _) => self.column = self.column.saturating_sub(count),
            ('G', _) => self.column = count.saturating_sub(1),
            ('H', "") => (self.row, self.column) = (0, 0),
            ('K', "2") => self.rows[self.row].clear(),
            ('K', "") => self.rows[self.row].truncate(self.column),
            ('J', "2") => self.rows.iter_mut().for_each(Vec::clear),
            ('J', "") => {
                self.rows[self.row].truncate(self.column);
                self.rows.truncate(self.row + 1);
            }
            _ => {}
        }
    }

    fn down(&mut self) {
        self.row += 1;
        if self.row == self.rows.len() {
            self.rows.push(Vec::new());
        }
    }

    /// Puts a character at the cursor. If the line is full, the line wraps before the character, as on a terminal.
    fn put(&mut self, character: char, columns: usize) {
        if self.column >= columns {
            self.column = 0;
            self.down();
        }
        let row = &mut self.rows[self.row];
        while row.len() <= self.column {
            row.push(' ');
        }
        row[self.column] = character;
        self.column += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::render;

    #[test]
    fn lines_wrap_at_the_width() {
        assert_eq!(render("abcdef\r\ngh", 4), "abcd\nef\ngh\n");
        assert_eq!(
            render("abcd\r\nef", 4),
            "abcd\nef\n",
            "a full line should wrap only before another character"
        );
    }

    #[test]
    fn erased_text_is_not_shown() {
        assert_eq!(render("one\r\x1b[2Ktwo\r\nthree\r\nfour\x1b[1A\r\x1b[Jfive", 80), "two\nfive\n");
    }

    #[test]
    fn the_alternate_screen_hides_the_main_screen_until_the_alternate_screen_ends() {
        let sheet = "main\r\n\x1b[?1049h\x1b[2J\x1b[Hsheet";
        assert_eq!(render(sheet, 80), "sheet\n");
        assert_eq!(render(&format!("{sheet}\x1b[2J\x1b[H\x1b[?1049lmore"), 80), "main\nmore\n");
    }

    #[test]
    fn colours_and_titles_take_no_space() {
        assert_eq!(render("\x1b[1;31mred\x1b[0m \x1b]0;title\x07x", 80), "red x\n");
    }
}
