// Words of the equation language: a text becomes tokens with positions. For the parsers of this room.
//
// Blanks and comments (`#` to the end of the line) disappear; ends of lines stay, because statements end there. Characters
// that no rule of the language knows are errors here, with a hint for what other languages write.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "spikesmith/core/error.hpp"

namespace spikesmith::lang {

inline constexpr std::size_t largest_text = 1'000'000;  // characters of one source text
inline constexpr std::size_t longest_name = 200;

struct Token {
    enum class Kind { number, name, symbol, newline, end } kind = Kind::end;
    SourceSpan span;
    std::string_view text;  // into the SourceText
    double number = 0;      // of Kind::number
    bool integer = false;   // the number was written without point and exponent
};

// Tokens of the whole text, closed by one of Kind::end. `source` must outlive them. Throws ModelError.
// `caret` makes `^` a symbol, as some dialects write powers.
[[nodiscard]] std::vector<Token> tokenize(const SourceText& source, bool caret = false);

// Reads tokens one after the other; the last one (Kind::end) is never passed.
class TokenCursor {
  public:
    TokenCursor(const SourceText& source, const std::vector<Token>& tokens) : source_(&source), tokens_(&tokens) {}

    [[nodiscard]] const SourceText& source() const { return *source_; }
    [[nodiscard]] const Token& peek(std::size_t ahead = 0) const {
        const std::size_t last = tokens_->size() - 1;
        return (*tokens_)[ahead > last - position_ ? last : position_ + ahead];
    }
    [[nodiscard]] bool at(Token::Kind kind) const { return peek().kind == kind; }
    [[nodiscard]] bool at(std::string_view symbol, std::size_t ahead = 0) const {
        return peek(ahead).kind == Token::Kind::symbol && peek(ahead).text == symbol;
    }
    const Token& next() {
        const Token& token = peek();
        if (token.kind != Token::Kind::end) ++position_;
        return token;
    }
    void skip_newlines() {
        while (at(Token::Kind::newline)) ++position_;
    }

  private:
    const SourceText* source_;
    const std::vector<Token>* tokens_;
    std::size_t position_ = 0;
};

// The token as an error names it: "`+`", "the end of the line", "the end of the text".
[[nodiscard]] std::string describe(const Token& token);

// From the start of `first` to the end of `last`.
[[nodiscard]] inline SourceSpan join(SourceSpan first, SourceSpan last) {
    return {first.offset, last.offset + last.length - first.offset};
}

// The characters of a span on one line: without comments, runs of blanks as one blank.
[[nodiscard]] std::string text_of(const SourceText& source, SourceSpan span);

// text_of, cut to a length that fits into an error message.
[[nodiscard]] std::string excerpt(const SourceText& source, SourceSpan span);

}  // namespace spikesmith::lang
