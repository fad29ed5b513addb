// ZIP as far as NumPy uses it. Numbers in the format are little endian; names of fields as in APPNOTE 6.3.
#include <algorithm>
#include <limits>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <zlib.h>

#include "spikesmith/core/atomic_file.hpp"
#include "spikesmith/data/numpy.hpp"

namespace spikesmith {
namespace {

constexpr std::uint32_t local_signature = 0x04034b50;
constexpr std::uint32_t central_signature = 0x02014b50;
constexpr std::uint32_t end_signature = 0x06054b50;
constexpr std::uint32_t zip64_end_signature = 0x06064b50;
constexpr std::uint32_t zip64_locator_signature = 0x07064b50;
constexpr std::size_t local_size = 30;
constexpr std::size_t central_size = 46;
constexpr std::size_t end_size = 22;
constexpr std::size_t zip64_locator_size = 20;
constexpr std::size_t zip64_end_size = 56;
constexpr std::uint16_t stored = 0;
constexpr std::uint16_t deflated = 8;
constexpr std::uint16_t encrypted_flag = 1;
constexpr std::uint16_t utf8_flag = 1U << 11U;
constexpr std::uint32_t in_zip64 = 0xFFFFFFFF;  // the value stands in an extra field
constexpr std::uint64_t largest_ratio = 1032;   // of deflate
constexpr std::string_view suffix = ".npy";

[[noreturn]] void fail(std::string_view source_name, std::string message, std::string hint = {}) {
    throw DataError(
        Diagnostic{.message = std::move(message), .source = std::string(source_name), .hint = std::move(hint)});
}
[[noreturn]] void damaged(std::string_view source_name, std::string_view reason) {
    fail(source_name, fmt::format("this archive is damaged: {}", reason));
}

// The little-endian number of `size` bytes at `offset`; the caller has checked that it is there.
std::uint64_t number(std::string_view bytes, std::size_t offset, std::size_t size) {
    std::uint64_t value = 0;
    for (std::size_t i = size; i-- > 0;) value = (value << 8U) | static_cast<unsigned char>(bytes[offset + i]);
    return value;
}
std::uint16_t u16(std::string_view bytes, std::size_t offset) {
    return static_cast<std::uint16_t>(number(bytes, offset, 2));
}
std::uint32_t u32(std::string_view bytes, std::size_t offset) {
    return static_cast<std::uint32_t>(number(bytes, offset, 4));
}
std::uint64_t u64(std::string_view bytes, std::size_t offset) {
    return number(bytes, offset, 8);
}

void append(std::string& out, std::uint64_t value, int size) {
    for (int i = 0; i < size; ++i) out += static_cast<char>((value >> (8U * static_cast<unsigned>(i))) & 0xFFU);
}

struct Directory {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    std::uint64_t entries = 0;
};

// The end record is searched from the end of the file because a comment may follow it.
std::size_t find_end(std::string_view bytes, std::string_view source_name) {
    constexpr std::size_t longest_comment = 0xFFFF;
    if (bytes.size() < end_size) damaged(source_name, "it is too short");
    for (std::size_t back = end_size; back <= std::min(bytes.size(), end_size + longest_comment); ++back) {
        const std::size_t at = bytes.size() - back;
        if (u32(bytes, at) == end_signature && u16(bytes, at + 20) == back - end_size) return at;
    }
    damaged(source_name, "its end is missing (is the file complete?)");
}

Directory find_directory(std::string_view bytes, std::string_view source_name) {
    const std::size_t end = find_end(bytes, source_name);
    if (u16(bytes, end + 4) != 0 && u16(bytes, end + 4) != 0xFFFF)
        fail(source_name, "this archive is split over several files, which is not read");
    Directory directory{u32(bytes, end + 16), u32(bytes, end + 12), u16(bytes, end + 10)};
    std::size_t limit = end;
    const bool large = directory.offset == in_zip64 || directory.size == in_zip64 || directory.entries == 0xFFFF;
    if (large && end >= zip64_locator_size && u32(bytes, end - zip64_locator_size) == zip64_locator_signature) {
        const auto at = u64(bytes, end - zip64_locator_size + 8);
        if (at > bytes.size() || bytes.size() - at < zip64_end_size || u32(bytes, at) != zip64_end_signature)
            damaged(source_name, "its ZIP64 end record is missing");
        directory = {u64(bytes, at + 48), u64(bytes, at + 40), u64(bytes, at + 32)};
        limit = at;
    }
    if (directory.offset > limit || directory.size > limit - directory.offset ||
        directory.entries > directory.size / central_size) {
        damaged(source_name, "its directory lies outside of the file");
    }
    return directory;
}

std::string inflated(std::string_view packed, std::uint64_t size, std::string_view source_name) {
    std::string out(size, '\0');
    z_stream stream{};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw DataError("zlib cannot be started");
    int status = Z_OK;
    std::size_t from = 0;
    std::size_t to = 0;
    constexpr std::size_t chunk = std::size_t{1} << 30U;
    while (status == Z_OK) {
        const auto in = std::min(packed.size() - from, chunk);
        const auto room = std::min(out.size() - to, chunk);
        char beyond = 0;  // zlib needs room to see the end of an empty member
        stream.next_in =
            reinterpret_cast<Bytef*>(const_cast<char*>(packed.data() + from));  // NOLINT: zlib does not write to it
        stream.avail_in = static_cast<uInt>(in);
        stream.next_out = reinterpret_cast<Bytef*>(room > 0 ? out.data() + to : &beyond);  // NOLINT: zlib's bytes
        stream.avail_out = room > 0 ? static_cast<uInt>(room) : 1;
        status = inflate(&stream, Z_NO_FLUSH);
        const std::size_t made = (room > 0 ? room : 1) - stream.avail_out;
        from += in - stream.avail_in;
        to += made;
        if (to > out.size() || (status == Z_OK && in == stream.avail_in && made == 0)) status = Z_DATA_ERROR;
    }
    inflateEnd(&stream);
    if (status != Z_STREAM_END || to != out.size() || from != packed.size())
        damaged(source_name, "its compressed data are not valid");
    return out;
}

std::uint32_t checksum(std::string_view bytes) {
    return static_cast<std::uint32_t>(crc32_z(crc32_z(0, nullptr, 0), reinterpret_cast<const Bytef*>(bytes.data()),
                                              bytes.size()));  // NOLINT: zlib's bytes
}

std::string deflate_raw(std::string_view bytes) {
    z_stream stream{};
    constexpr int memory_level = 8;
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, memory_level, Z_DEFAULT_STRATEGY) != Z_OK)
        throw DataError("zlib cannot be started");
    std::string out(deflateBound(&stream, static_cast<uLong>(bytes.size())), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // NOLINT: zlib does not write to it
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());  // NOLINT: zlib's bytes
    stream.avail_out = static_cast<uInt>(std::min<std::size_t>(out.size(), std::numeric_limits<uInt>::max()));
    const int status = deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    if (status != Z_STREAM_END) throw DataError("zlib cannot compress an array");
    return out;
}

}  // namespace

NpzArchive::NpzArchive(std::string bytes, std::string source_name)
    : bytes_(std::move(bytes)), source_name_(std::move(source_name)) {
    const std::string_view all = bytes_;
    if (!all.starts_with("PK")) fail(source_name_, "this is not an archive of NumPy arrays: it does not begin with PK");
    const Directory directory = find_directory(all, source_name_);
    const std::size_t end = directory.offset + directory.size;
    std::size_t at = directory.offset;
    std::uint64_t packed_in_total = 0;
    std::set<std::string> seen;
    for (std::uint64_t i = 0; i < directory.entries; ++i) {
        if (end - at < central_size || u32(all, at) != central_signature)
            damaged(source_name_, "its directory is not valid");
        const std::size_t name_size = u16(all, at + 28);
        const std::size_t extra_size = u16(all, at + 30);
        const std::size_t comment_size = u16(all, at + 32);
        if (end - at - central_size < name_size + extra_size + comment_size)
            damaged(source_name_, "its directory is not valid");
        Member member{u32(all, at + 42), u32(all, at + 20), u32(all, at + 24),
                      u32(all, at + 16), u16(all, at + 10), u16(all, at + 8)};
        // The ZIP64 extra field has, in this order, those of the three values that do not fit into 32 bits.
        auto extra = all.substr(at + central_size + name_size, extra_size);
        while (extra.size() >= 4) {
            const std::size_t size = u16(extra, 2);
            if (extra.size() - 4 < size) damaged(source_name_, "its directory is not valid");
            if (u16(extra, 0) == 1) {
                auto values = extra.substr(4, size);
                for (std::uint64_t* value : {&member.unpacked, &member.packed, &member.offset}) {
                    if (*value != in_zip64) continue;
                    if (values.size() < 8) damaged(source_name_, "its directory is not valid");
                    *value = u64(values, 0);
                    values.remove_prefix(8);
                }
            }
            extra.remove_prefix(4 + size);
        }
        std::string name(all.substr(at + central_size, name_size));
        at += central_size + name_size + extra_size + comment_size;
        if (member.packed > directory.offset || packed_in_total > directory.offset - member.packed)
            damaged(source_name_, "its members overlap");
        packed_in_total += member.packed;
        if (!seen.insert(name).second)
            damaged(source_name_, fmt::format("it has two members `{}`", name.substr(0, 80)));
        if (!name.ends_with(suffix)) continue;
        name.resize(name.size() - suffix.size());
        names_.push_back(std::move(name));
        members_.push_back(member);
    }
}

NpyArray NpzArchive::array(std::string_view name) const {
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found == names_.end()) {
        auto hint = did_you_mean(name, names_);
        if (hint.empty())
            hint =
                names_.empty() ? "the archive holds no arrays" : fmt::format("it has `{}`", fmt::join(names_, "`, `"));
        fail(source_name_, fmt::format("there is no array `{}` in this archive", name.substr(0, 80)), std::move(hint));
    }
    const Member& member = members_[static_cast<std::size_t>(found - names_.begin())];
    const std::string what = fmt::format("{}[{}]", source_name_, name);
    const std::string_view all = bytes_;
    if ((member.flags & encrypted_flag) != 0) fail(what, "this array is encrypted, which is not read");
    if (member.method != stored && member.method != deflated) {
        fail(what, fmt::format("this array is compressed by method {}, which is not read", member.method),
             "save it with `numpy.savez` or `numpy.savez_compressed`");
    }
    if (member.offset > all.size() || all.size() - member.offset < local_size ||
        u32(all, member.offset) != local_signature)
        damaged(what, "the array is not where its directory says");
    const std::size_t name_size = u16(all, member.offset + 26);
    const std::size_t extra_size = u16(all, member.offset + 28);
    const std::size_t begin = member.offset + local_size + name_size + extra_size;
    if (begin > all.size() || all.size() - begin < member.packed) damaged(what, "the array is cut off");
    if (all.substr(member.offset + local_size, name_size) != std::string(name) + std::string(suffix))
        damaged(what, "the array has another name than its directory says");
    const std::string_view packed = all.substr(begin, member.packed);
    const bool possible =
        member.method == stored ? member.unpacked == member.packed : member.unpacked / largest_ratio <= member.packed;
    if (!possible) damaged(what, "the array cannot have the size that its directory says");
    std::string storage;
    std::string_view unpacked = packed;
    if (member.method == deflated) {
        storage = inflated(packed, member.unpacked, what);
        unpacked = storage;
    }
    if (checksum(unpacked) != member.checksum) damaged(what, "the checksum of the array is wrong");
    return parse_npy(unpacked, what);
}

NpzArchive read_npz(const std::filesystem::path& path) {
    return {read_file(path), path.string()};
}

std::string format_npz(const NamedArrays& arrays) {
    constexpr std::uint64_t limit = in_zip64;
    constexpr std::uint64_t needed_version = 20;
    constexpr std::uint64_t made_on_unix = (3U << 8U) | needed_version;
    constexpr std::uint64_t first_of_1980 = (1U << 5U) | 1U;
    constexpr std::uint64_t readable_by_all = std::uint64_t{0100644} << 16U;
    std::string out;
    std::string directory;
    std::set<std::string_view> seen;
    for (const auto& [name, array] : arrays) {
        const bool printable =
            std::all_of(name.begin(), name.end(), [](unsigned char c) { return c >= 0x20 && c != 0x7f; });
        if (name.empty() || name.size() > 1000 || !printable)
            throw DataError("an array in an archive needs a name of 1 to 1000 printable characters");
        if (!seen.insert(name).second) throw DataError(fmt::format("the array `{}` is given twice", name));
        const std::string unpacked = format_npy(array);
        if (unpacked.size() >= limit)
            throw DataError(fmt::format("the array `{}` has 4 GiB or more, too much for an archive", name),
                            "write it as .npy");
        const std::string packed = deflate_raw(unpacked);
        if (out.size() + packed.size() + name.size() + 1000 >= limit)
            throw DataError("the arrays together have 4 GiB or more, too much for an archive", "write them as .npy");
        const bool ascii = std::all_of(name.begin(), name.end(), [](unsigned char c) { return c < 0x80; });
        // What local and central headers have in common.
        std::string common;
        append(common, needed_version, 2);
        append(common, ascii ? 0 : utf8_flag, 2);
        append(common, deflated, 2);
        append(common, 0, 2);  // midnight
        append(common, first_of_1980, 2);
        append(common, checksum(unpacked), 4);
        append(common, packed.size(), 4);
        append(common, unpacked.size(), 4);
        append(common, name.size() + suffix.size(), 2);
        append(common, 0, 2);  // extra field
        append(directory, central_signature, 4);
        append(directory, made_on_unix, 2);
        directory += common;
        append(directory, 0, 2);  // comment
        append(directory, 0, 2);  // disk
        append(directory, 0, 2);  // internal attributes
        append(directory, readable_by_all, 4);
        append(directory, out.size(), 4);
        directory += name;
        directory += suffix;
        append(out, local_signature, 4);
        out += common;
        out += name;
        out += suffix;
        out += packed;
    }
    if (arrays.size() >= 0xFFFF || directory.size() + out.size() >= limit)
        throw DataError("there are too many arrays for one archive");
    const std::uint64_t offset = out.size();
    out += directory;
    append(out, end_signature, 4);
    append(out, 0, 2);  // disk
    append(out, 0, 2);  // disk of the directory
    append(out, arrays.size(), 2);
    append(out, arrays.size(), 2);
    append(out, directory.size(), 4);
    append(out, offset, 4);
    append(out, 0, 2);  // comment
    return out;
}

void write_npz(const std::filesystem::path& path, const NamedArrays& arrays) {
    write_file_atomically(path, format_npz(arrays));
}

}  // namespace spikesmith
