// SPDX-License-Identifier: Apache-2.0
#include "readers/file_kind.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "readers/file_bytes.h"
#include "readers/text_scanner.h"

namespace larkspur::readers {
namespace {

struct KnownEnding {
  std::string_view ending;
  FileKind kind;
};

// A new format is a line here, where it has one a signature, and a reader in format/cloud_file.cpp.
constexpr std::array<KnownEnding, 8> kClouds{{{".off", FileKind::kOff},
                                              {".obj", FileKind::kObj},
                                              {".ply", FileKind::kPly},
                                              {".pcd", FileKind::kPcd},
                                              {".npy", FileKind::kNpy},
                                              {".txt", FileKind::kText},
                                              {".xyz", FileKind::kText},
                                              {".mat", FileKind::kMat}}};

constexpr auto kImages = std::to_array<std::string_view>({".jpg", ".jpeg", ".png"});

// Containers, and raw streams as encoders write them.
constexpr auto kVideos = std::to_array<std::string_view>(
    {".mp4",  ".m4v",   ".mov",  ".qt",   ".mkv", ".mk3d", ".webm", ".avi",  ".divx", ".flv",
     ".f4v",  ".ts",    ".mts",  ".m2ts", ".m2t", ".mpg",  ".mpeg", ".mpe",  ".m1v",  ".m2v",
     ".mpv",  ".ps",    ".vob",  ".3gp",  ".3g2", ".wmv",  ".asf",  ".ogv",  ".ogg",  ".ogm",
     ".mxf",  ".gif",   ".dv",   ".dif",  ".rm",  ".rmvb", ".nut",  ".ivf",  ".y4m",  ".wtv",
     ".mjpg", ".mjpeg", ".h264", ".264",  ".avc", ".h265", ".265",  ".hevc", ".obu"});

struct ForeignFormat {
  std::string_view ending;
  std::string_view signature;  // at the start of the bytes; empty: known by the ending alone
  std::string_view advice;
};

constexpr std::string_view kPackSignature = "\x89HDF\r\n\x1a\n";

// Packs are among them for those who want one cloud of a file.
constexpr std::array<ForeignFormat, 11> kForeign{
    {{".stl", "", "an STL mesh: save it as .off or .ply"},
     {".glb", "glTF", "a GLB scene: save its mesh as .off or .ply"},
     {".gltf", "", "a glTF scene: save its mesh as .off or .ply"},
     {".h5", kPackSignature, "an HDF5 pack of many clouds: name it as a list"},
     {".hdf5", "", "an HDF5 pack of many clouds: name it as a list"},
     {".npz", "PK\x03\x04", "a ZIP archive: unpack it; an NPZ holds one .npy an array"},
     {".zip", "", "a ZIP archive: unpack it"},
     {".las", "LASF", "a LAS survey: save it as .ply, .pcd or .xyz"},
     {".mat73", "MATLAB 7.3 MAT-file", "a MATLAB 7.3 file: save it with -v7"},
     {".utf16", "\xFF\xFE", "text in UTF-16: save it as UTF-8"},
     {".utf16", "\xFE\xFF", "text in UTF-16: save it as UTF-8"}}};

// A list may start with the folder of solids: the word alone is no signature.
bool starts_as_stl(std::string_view start) {
  return start.starts_with("solid") && start.find("facet normal") != std::string_view::npos;
}

const ForeignFormat* foreign_by_bytes(std::string_view start) {
  if (starts_as_stl(start)) return kForeign.data();
  const auto* const found = std::find_if(kForeign.begin(), kForeign.end(), [&](const auto& one) {
    return !one.signature.empty() && start.starts_with(one.signature);
  });
  return found == kForeign.end() ? nullptr : found;
}

const ForeignFormat* foreign_by_name(const std::filesystem::path& path) {
  const std::string extension = lower_extension(path);
  const auto* const found = std::find_if(
      kForeign.begin(), kForeign.end(), [&](const auto& one) { return one.ending == extension; });
  return found == kForeign.end() ? nullptr : found;
}

// "OFF" behind the letters that say what a vertex has, alone or with a count glued to it: a list
// may start with the path OFFICE/a.mp4.
bool starts_as_off(std::string_view start) {
  TextScanner scan(start);
  scan.skip_to_content();
  while (scan.skip_word("ST") || scan.skip_word("C") || scan.skip_word("N") ||
         scan.skip_word("4") || scan.skip_word("n")) {
  }
  if (!scan.skip_word("OFF")) return false;
  const char next = scan.peek();
  scan.skip_blanks();
  return scan.at_line_end() || next == ' ' || (next >= '0' && next <= '9');
}

bool starts_as_pcd(std::string_view start) {
  if (start.starts_with("# .PCD")) return true;
  TextScanner scan(start);
  scan.skip_to_content();
  return scan.skip_word("VERSION ") || scan.skip_word("FIELDS ");
}

bool goes_on_with_point(TextScanner& scan) {
  for (int axis = 0; axis < 3; ++axis, scan.skip_separator()) {
    double value = 0.0;
    if (!scan.number(value)) return false;
  }
  return true;
}

bool starts_as_points(std::string_view start) {
  TextScanner scan(start);
  for (scan.skip_to_content(); scan.skip_word("//"); scan.skip_to_content()) scan.skip_line();
  return goes_on_with_point(scan);
}

// A first vertex, behind names at most: "v 1" is a line of a list.
bool starts_as_obj(std::string_view start) {
  TextScanner scan(start);
  scan.skip_to_content();
  while (scan.skip_word("mtllib ") || scan.skip_word("o ") || scan.skip_word("g ") ||
         scan.skip_word("usemtl ")) {
    scan.skip_line();
    scan.skip_to_content();
  }
  if (!scan.skip_word("v ")) return false;
  scan.skip_blanks();
  return goes_on_with_point(scan);
}

}  // namespace

std::string lower_extension(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return extension;
}

FileKind kind_of_name(const std::filesystem::path& path) {
  const std::string extension = lower_extension(path);
  for (const KnownEnding& known : kClouds) {
    if (known.ending == extension) return known.kind;
  }
  if (std::find(kVideos.begin(), kVideos.end(), extension) != kVideos.end()) {
    return FileKind::kVideo;
  }
  if (std::find(kImages.begin(), kImages.end(), extension) != kImages.end()) {
    return FileKind::kImage;
  }
  if (extension == ".h5" || extension == ".hdf5") return FileKind::kPack;
  return foreign_by_name(path) != nullptr ? FileKind::kForeign : FileKind::kUnknown;
}

FileKind kind_of_bytes(std::string_view start) {
  start = start.substr(0, kKindBytes);
  if (start.starts_with("\x93NUMPY")) return FileKind::kNpy;
  if (start.starts_with("\xFF\xD8\xFF") || start.starts_with("\x89PNG\r\n\x1a\n")) {
    return FileKind::kImage;
  }
  if (start.starts_with("ply\n") || start.starts_with("ply\r")) return FileKind::kPly;
  if (start.starts_with("MATLAB 5.0 MAT-file")) return FileKind::kMat;
  if (starts_as_off(start)) return FileKind::kOff;
  if (starts_as_pcd(start)) return FileKind::kPcd;
  if (starts_as_obj(start)) return FileKind::kObj;
  if (start.starts_with(kPackSignature)) return FileKind::kPack;
  if (foreign_by_bytes(start) != nullptr) return FileKind::kForeign;
  return starts_as_points(start) ? FileKind::kText : FileKind::kUnknown;
}

FileKind kind_of(const std::filesystem::path& path, std::string_view start) {
  const FileKind by_name = kind_of_name(path);
  const FileKind by_bytes = kind_of_bytes(start);
  // Three numbers are how an OFF without its header word starts, too.
  const bool is_weak = by_bytes == FileKind::kText && is_cloud(by_name);
  return by_bytes == FileKind::kUnknown || is_weak ? by_name : by_bytes;
}

FileKind kind_of_file(const std::filesystem::path& path) {
  const auto start = read_start(path, kKindBytes);
  return kind_of(path, start.ok() ? start.value().view() : std::string_view());
}

bool is_cloud(FileKind kind) noexcept {
  return kind != FileKind::kUnknown && kind != FileKind::kVideo && kind != FileKind::kImage &&
         kind != FileKind::kPack && kind != FileKind::kForeign;
}

bool is_video_file(const std::filesystem::path& path) {
  return kind_of_name(path) == FileKind::kVideo;
}

bool is_cloud_file(const std::filesystem::path& path) { return is_cloud(kind_of_name(path)); }

bool is_image_file(const std::filesystem::path& path) {
  return kind_of_name(path) == FileKind::kImage;
}

bool is_pack_file(const std::filesystem::path& path) {
  return kind_of_name(path) == FileKind::kPack;
}

bool has_sample_name(const std::filesystem::path& path) {
  return is_video_file(path) || is_image_file(path) || is_cloud_file(path);
}

std::string advice_on(const std::filesystem::path& path, std::string_view start) {
  const ForeignFormat* format = foreign_by_bytes(start);
  if (format == nullptr) format = foreign_by_name(path);
  return format == nullptr ? std::string() : std::string(format->advice);
}

std::string cloud_endings() {
  std::string text;
  for (const KnownEnding& known : kClouds) {
    if (&known != &kClouds.front()) text += &known == &kClouds.back() ? " or " : ", ";
    text += known.ending;
  }
  return text;
}

bool is_hidden(const std::string& name) {
  return name.starts_with('.') || name == "__MACOSX" || name == "lost+found";
}

}  // namespace larkspur::readers
