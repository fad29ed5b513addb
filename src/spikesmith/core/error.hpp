// Errors that a user can act on: what is wrong, where, and what would be right.
//
// Every exception that Spikesmith throws for wrong input derives from spikesmith::Error. `what()` is the whole message,
// ready to print:
//
//     model.eqs:3:17: unknown name `gLx` in the equation of `v`
//         dv/dt = gL*(EL - v)/C + gLx : volt
//                                 ^~~
//     hint: did you mean `gL`?
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace spikesmith {

// A text with a name (a file, or a word such as "equations") in which positions can be shown.
struct SourceText {
    std::string name;
    std::string text;
};

// `length` characters from `offset` in a text. The text is copied into the error that shows it.
struct SourceSpan {
    std::size_t offset = 0;
    std::size_t length = 1;
};

// What an error says. `line` and `column` count from 1; 0 means that there is no position.
struct Diagnostic {
    std::string message;  // one sentence without full stop
    std::string source;   // name of the file or text; may be empty
    std::size_t line = 0;
    std::size_t column = 0;
    std::string line_text;  // the offending line, shown with a caret under [column, column + length)
    std::size_t length = 1;
    std::string hint;  // what would be right; may be empty
};

// The diagnostic of a place in a text.
[[nodiscard]] Diagnostic diagnose(const SourceText& source, SourceSpan span, std::string message,
                                  std::string hint = {});

// The message as the user sees it (see the top of this file).
[[nodiscard]] std::string render(const Diagnostic& diagnostic);

class Error : public std::runtime_error {
  public:
    explicit Error(Diagnostic diagnostic)
        : std::runtime_error(render(diagnostic)), diagnostic_(std::move(diagnostic)) {}
    explicit Error(std::string message, std::string hint = {});
    [[nodiscard]] const Diagnostic& diagnostic() const noexcept { return diagnostic_; }

  private:
    Diagnostic diagnostic_;
};

class ModelError : public Error {
  public:
    using Error::Error;
};  // equations, statements, names
class UnitError : public Error {
  public:
    using Error::Error;
};  // dimensions that do not fit
class DataError : public Error {
  public:
    using Error::Error;
};  // recordings and arrays
class ConfigError : public Error {
  public:
    using Error::Error;
};  // the configuration file and options
class NumericalError : public Error {
  public:
    using Error::Error;
};  // integration that cannot go on
class Interrupted : public Error {
  public:
    using Error::Error;
};  // stopped by the user

// The candidate nearest to `word` by edit distance if it is near enough to be a slip, else empty.
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

// "did you mean `x`?" for the nearest candidate, else empty.
[[nodiscard]] std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace spikesmith
