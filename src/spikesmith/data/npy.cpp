#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <limits>
#include <numeric>
#include <optional>

#include <fmt/format.h>

#include "spikesmith/core/atomic_file.hpp"
#include "spikesmith/data/numpy.hpp"

namespace spikesmith {
namespace {

constexpr std::string_view magic = "\x93NUMPY";
constexpr std::size_t most_dimensions = 32;  // NumPy's own limit before version 2
constexpr std::size_t alignment = 64;

[[noreturn]] void fail(std::string_view source_name, std::string message, std::string hint = {}) {
    throw DataError(
        Diagnostic{.message = std::move(message), .source = std::string(source_name), .hint = std::move(hint)});
}

// What the Python dictionary in the header says.
struct NpyHeader {
    std::string descr;
    bool fortran_order = false;
    std::vector<std::size_t> shape;
};

// {'descr': '<f8', 'fortran_order': False, 'shape': (5, 1497), }
class HeaderParser {
  public:
    HeaderParser(std::string_view text, std::string_view source_name) : text_(text), source_name_(source_name) {}

    NpyHeader parse() {
        std::optional<std::string> descr;
        std::optional<bool> fortran_order;
        std::optional<std::vector<std::size_t>> shape;
        expect('{');
        while (!accept('}')) {
            const std::string key = string();
            expect(':');
            if (key == "descr" && !descr) {
                if (peek() == '[')
                    fail(source_name_, "this array is of structures (a record array), which are not read",
                         "save each field as an array of its own");
                descr = string();
            } else if (key == "fortran_order" && !fortran_order) {
                fortran_order = boolean();
            } else if (key == "shape" && !shape) {
                shape = tuple();
            } else {
                damaged(fmt::format("unexpected or repeated key `{}`", key.substr(0, 40)));
            }
            if (!accept(',')) {
                expect('}');
                break;
            }
        }
        skip_blanks();
        if (position_ != text_.size()) damaged("text after the dictionary");
        if (!descr || !fortran_order || !shape) damaged("one of `descr`, `fortran_order` and `shape` is missing");
        return {*std::move(descr), *fortran_order, *std::move(shape)};
    }

  private:
    [[noreturn]] void damaged(const std::string& reason) const {
        fail(source_name_, fmt::format("the header of this NumPy array is damaged: {}", reason));
    }

    void skip_blanks() {
        while (position_ < text_.size() &&
               (text_[position_] == ' ' || text_[position_] == '\n' || text_[position_] == '\t'))
            ++position_;
    }
    char peek() {
        skip_blanks();
        return position_ < text_.size() ? text_[position_] : '\0';
    }
    bool accept(char c) {
        if (peek() != c || position_ == text_.size()) return false;
        ++position_;
        return true;
    }
    void expect(char c) {
        if (!accept(c)) damaged(fmt::format("`{}` expected at byte {}", c, position_));
    }
    std::string string() {
        const char quote = peek();
        if (quote != '\'' && quote != '"') damaged(fmt::format("a quoted word expected at byte {}", position_));
        const auto end = text_.find(quote, position_ + 1);
        if (end == std::string_view::npos) damaged("a quoted word does not end");
        const auto begin = position_ + 1;
        position_ = end + 1;
        return std::string(text_.substr(begin, end - begin));
    }
    bool boolean() {
        skip_blanks();
        for (const bool value : {true, false}) {
            const std::string_view word = value ? "True" : "False";
            if (text_.substr(position_).starts_with(word)) {
                position_ += word.size();
                return value;
            }
        }
        damaged("`fortran_order` is neither True nor False");
    }
    std::vector<std::size_t> tuple() {
        std::vector<std::size_t> shape;
        expect('(');
        while (!accept(')')) {
            skip_blanks();
            std::uint64_t n = 0;
            const auto [stop, error] = std::from_chars(text_.data() + position_, text_.data() + text_.size(), n);
            if (error != std::errc{} || n > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
                damaged("`shape` is not a tuple of sizes");
            position_ = static_cast<std::size_t>(stop - text_.data());
            accept('L');  // Python 2
            shape.push_back(static_cast<std::size_t>(n));
            if (shape.size() > most_dimensions)
                damaged(fmt::format("`shape` has more than {} dimensions", most_dimensions));
            if (!accept(',')) {
                expect(')');
                break;
            }
        }
        return shape;
    }

    std::string_view text_;
    std::string_view source_name_;
    std::size_t position_ = 0;
};

enum class ElementKind { boolean, signed_integer, unsigned_integer, real };

struct ElementType {
    ElementKind kind = ElementKind::real;
    std::size_t size = 8;
    bool swapped = false;  // the other byte order than this machine's
};

ElementType element_type(const std::string& descr, std::string_view source_name) {
    constexpr std::string_view as_float = "convert it with `.astype('float64')` before saving";
    const auto not_read = [&](std::string_view what, std::string_view hint) {
        fail(source_name,
             fmt::format("this array is of {} (dtype '{}'), which are not read", what, descr.substr(0, 40)),
             std::string(hint));
    };
    if (descr.size() < 2) fail(source_name, fmt::format("the dtype '{}' of this array is damaged", descr));
    const char order = descr[0];
    const char kind = descr[1];
    switch (kind) {
        case 'O':
            not_read("Python objects", "make it an array of numbers before saving: `numpy.array(..., dtype=float)`");
            break;
        case 'c':
            not_read("complex numbers", "save the real and imaginary parts as two arrays");
            break;
        case 'U':
        case 'S':
        case 'a':
            not_read("texts", "only numbers are read");
            break;
        case 'V':
            not_read("structures", "save each field as an array of its own");
            break;
        case 'M':
        case 'm':
            not_read("dates or times", as_float);
            break;
        default:
            break;
    }
    std::size_t size = 0;
    const auto [stop, error] = std::from_chars(descr.data() + 2, descr.data() + descr.size(), size);
    const bool whole = error == std::errc{} && stop == descr.data() + descr.size();
    const bool known_order = order == '<' || order == '>' || order == '=' || (order == '|' && size == 1);
    const bool integer_size = size == 1 || size == 2 || size == 4 || size == 8;
    const bool swapped = size > 1 && ((order == '<' && std::endian::native == std::endian::big) ||
                                      (order == '>' && std::endian::native == std::endian::little));
    if (whole && known_order) {
        if (kind == 'b' && size == 1) return {ElementKind::boolean, 1, false};
        if (kind == 'i' && integer_size) return {ElementKind::signed_integer, size, swapped};
        if (kind == 'u' && integer_size) return {ElementKind::unsigned_integer, size, swapped};
        if (kind == 'f' && (size == 4 || size == 8)) return {ElementKind::real, size, swapped};
        if (kind == 'f') not_read(fmt::format("{}-byte floating-point numbers", size), as_float);
    }
    fail(source_name, fmt::format("the dtype '{}' of this array is not known", descr.substr(0, 40)),
         std::string(as_float));
}

template <class T>
double element(const char* bytes, bool swapped) {
    std::array<char, sizeof(T)> raw{};
    std::memcpy(raw.data(), bytes, sizeof(T));
    if (swapped) std::reverse(raw.begin(), raw.end());
    return static_cast<double>(std::bit_cast<T>(raw));
}

template <class T>
void convert(std::string_view bytes, bool swapped, std::vector<double>& values) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = element<T>(bytes.data() + i * sizeof(T), swapped);
}

void convert(std::string_view bytes, const ElementType& type, std::vector<double>& values,
             std::string_view source_name) {
    const bool is_signed = type.kind == ElementKind::signed_integer;
    if (type.kind == ElementKind::boolean) {
        convert<std::uint8_t>(bytes, false, values);
        if (std::any_of(values.begin(), values.end(), [](double v) { return v > 1; }))
            fail(source_name, "this array of booleans has a byte that is neither 0 nor 1");
    } else if (type.kind == ElementKind::real) {
        type.size == 4 ? convert<float>(bytes, type.swapped, values) : convert<double>(bytes, type.swapped, values);
    } else if (type.size == 1) {
        is_signed ? convert<std::int8_t>(bytes, false, values) : convert<std::uint8_t>(bytes, false, values);
    } else if (type.size == 2) {
        is_signed ? convert<std::int16_t>(bytes, type.swapped, values)
                  : convert<std::uint16_t>(bytes, type.swapped, values);
    } else if (type.size == 4) {
        is_signed ? convert<std::int32_t>(bytes, type.swapped, values)
                  : convert<std::uint32_t>(bytes, type.swapped, values);
    } else {
        is_signed ? convert<std::int64_t>(bytes, type.swapped, values)
                  : convert<std::uint64_t>(bytes, type.swapped, values);
    }
}

// In Fortran order the first index runs fastest.
std::vector<double> from_fortran_order(const std::vector<double>& values, const std::vector<std::size_t>& shape) {
    std::vector<std::size_t> stride(shape.size(), 1);
    for (std::size_t d = 1; d < shape.size(); ++d) stride[d] = stride[d - 1] * shape[d - 1];
    std::vector<double> out(values.size());
    std::vector<std::size_t> index(shape.size(), 0);
    std::size_t from = 0;
    for (double& value : out) {
        value = values[from];
        for (std::size_t d = shape.size(); d-- > 0;) {
            from += stride[d];
            if (++index[d] < shape[d]) break;
            from -= stride[d] * shape[d];
            index[d] = 0;
        }
    }
    return out;
}

std::uint32_t little_endian(std::string_view bytes) {
    std::uint32_t value = 0;
    for (std::size_t i = bytes.size(); i-- > 0;) value = (value << 8U) | static_cast<unsigned char>(bytes[i]);
    return value;
}

std::string shape_text(const std::vector<std::size_t>& shape) {
    return fmt::format("({}{})", fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
}

// The number of elements, if `n` of `size` bytes can exist.
std::optional<std::size_t> element_count(const std::vector<std::size_t>& shape, std::size_t size) {
    if (std::find(shape.begin(), shape.end(), 0U) != shape.end()) return 0;
    std::size_t count = 1;
    for (const auto n : shape) {
        if (n > std::numeric_limits<std::size_t>::max() / size / count) return std::nullopt;
        count *= n;
    }
    return count;
}

}  // namespace

NpyArray to_npy(const Array2& array) {
    return {{array.rows, array.columns}, array.values};
}

Array2 to_array2(const NpyArray& array, std::string_view source_name) {
    if (array.shape.empty() || array.shape.size() > 2) {
        fail(source_name,
             fmt::format("this array has the shape {}; traces need one or two dimensions", shape_text(array.shape)),
             "save an array of the shape (traces, samples)");
    }
    Array2 out;
    out.rows = array.shape.size() == 1 ? 1 : array.shape[0];
    out.columns = array.shape.back();
    out.values = array.values;
    return out;
}

NpyArray parse_npy(std::string_view bytes, std::string_view source_name) {
    constexpr std::size_t preamble = 8;
    if (!bytes.starts_with(magic)) fail(source_name, "this is not a NumPy array: it does not begin with \\x93NUMPY");
    if (bytes.size() < preamble) fail(source_name, "this NumPy array is cut off in its header");
    const int version = static_cast<unsigned char>(bytes[magic.size()]);
    if (version < 1 || version > 3)
        fail(source_name, fmt::format("version {} of NumPy's format is not known", version),
             "versions 1 to 3 are read");
    const std::size_t length_size = version == 1 ? 2 : 4;
    if (bytes.size() < preamble + length_size) fail(source_name, "this NumPy array is cut off in its header");
    const std::size_t header_size = little_endian(bytes.substr(preamble, length_size));
    const std::size_t begin = preamble + length_size;
    if (bytes.size() - begin < header_size) fail(source_name, "this NumPy array is cut off in its header");
    const auto header = HeaderParser(bytes.substr(begin, header_size), source_name).parse();
    const auto type = element_type(header.descr, source_name);
    const auto data = bytes.substr(begin + header_size);
    const auto count = element_count(header.shape, type.size);
    if (!count || *count > data.size() / type.size) {
        const auto need = count ? fmt::format("{} bytes", *count * type.size) : "more bytes than can be counted";
        fail(source_name, fmt::format("this NumPy array is cut off: {} of dtype '{}' need {}, the file has {}",
                                      shape_text(header.shape), header.descr, need, data.size()));
    }
    if (*count * type.size != data.size()) {
        fail(source_name,
             fmt::format("{} bytes are left over after this NumPy array of the shape {}",
                         data.size() - *count * type.size, shape_text(header.shape)),
             "save several arrays with `numpy.savez`");
    }
    NpyArray array{header.shape, std::vector<double>(*count)};
    convert(data, type, array.values, source_name);
    if (header.fortran_order && header.shape.size() > 1 && *count > 0)
        array.values = from_fortran_order(array.values, array.shape);
    return array;
}

NpyArray read_npy(const std::filesystem::path& path) {
    return parse_npy(read_file(path), path.string());
}

std::string format_npy(const NpyArray& array) {
    const auto count = element_count(array.shape, sizeof(double));
    if (!count || *count != array.values.size()) {
        throw DataError(fmt::format("an array of the shape {} cannot have {} numbers", shape_text(array.shape),
                                    array.values.size()));
    }
    std::string header =
        fmt::format("{{'descr': '<f8', 'fortran_order': False, 'shape': {}, }}", shape_text(array.shape));
    constexpr std::size_t preamble = 10;
    header.append(alignment - 1 - (preamble + header.size()) % alignment, ' ');
    header += '\n';
    std::string out(magic);
    out += '\x01';
    out += '\0';
    out += static_cast<char>(header.size() & 0xFFU);
    out += static_cast<char>(header.size() >> 8U);
    out += header;
    const std::size_t begin = out.size();
    out.resize(begin + *count * sizeof(double));
    char* to = out.data() + begin;
    for (const double value : array.values) {
        auto raw = std::bit_cast<std::array<char, sizeof(double)>>(value);
        if constexpr (std::endian::native == std::endian::big) std::reverse(raw.begin(), raw.end());
        std::memcpy(to, raw.data(), raw.size());
        to += raw.size();
    }
    return out;
}

void write_npy(const std::filesystem::path& path, const NpyArray& array) {
    write_file_atomically(path, format_npy(array));
}

}  // namespace spikesmith
