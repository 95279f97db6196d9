// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/zip_mutation.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "model3d/weights/crc32.h"

namespace larkspur::testing {
namespace {

struct Member {
  std::string name;
  std::string bytes;
};

std::size_t number(std::string_view bytes, std::size_t at, std::size_t width) {
  std::size_t value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    value |= static_cast<std::size_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  }
  return value;
}

std::string little(std::size_t value, std::size_t width) {
  std::string bytes;
  for (std::size_t i = 0; i < width; ++i) bytes += static_cast<char>((value >> (8 * i)) & 0xFFU);
  return bytes;
}

/// Members one behind the other from the start, as their local headers have them.
std::vector<Member> members_of(std::string_view rest) {
  std::vector<Member> members;
  while (rest.size() >= 30 && rest.starts_with(std::string_view("PK\x03\x04", 4))) {
    const std::size_t size = number(rest, 22, 4);
    const std::size_t name = number(rest, 26, 2);
    const std::size_t before = 30 + name + number(rest, 28, 2);
    if (before > rest.size() || size > rest.size() - before) break;
    members.push_back({std::string(rest.substr(30, name)), std::string(rest.substr(before, size))});
    rest.remove_prefix(before + size);
  }
  return members;
}

std::string archive_of(const std::vector<Member>& members) {
  std::string archive;
  std::string directory;
  for (const auto& [name, bytes] : members) {
    const std::string facts = little(20, 2) + std::string(8, '\0') +
                              little(model3d::crc32(bytes.data(), bytes.size()), 4) +
                              little(bytes.size(), 4) + little(bytes.size(), 4) +
                              little(name.size(), 2) + little(0, 2);
    directory +=
        "PK\x01\x02" + little(20, 2) + facts + std::string(10, '\0') + little(archive.size(), 4);
    directory += name;
    archive += "PK\x03\x04" + facts + name + bytes;
  }
  return archive + directory + "PK\x05\x06" + little(0, 4) + little(members.size(), 2) +
         little(members.size(), 2) + little(directory.size(), 4) + little(archive.size(), 4) +
         little(0, 2);
}

}  // namespace

std::size_t mutate_member(
    std::uint8_t* data, std::size_t size, std::size_t most, unsigned int seed, Mutation mutate) {
  auto members = members_of({reinterpret_cast<const char*>(data), size});
  if (members.empty()) return 0;
  auto chosen = std::ranges::find_if(
      members, [](const Member& member) { return member.name.ends_with("data.pkl"); });
  if (seed % 8 == 0 || chosen == members.end()) {
    chosen = members.begin() + static_cast<std::ptrdiff_t>(seed / 8 % members.size());
  }
  const std::size_t before = chosen->bytes.size();
  const std::size_t room = before + (most > size ? most - size : 0);
  if (room == 0) return 0;
  chosen->bytes.resize(room);
  chosen->bytes.resize(mutate(reinterpret_cast<std::uint8_t*>(chosen->bytes.data()), before, room));
  const std::string archive = archive_of(members);
  if (archive.size() > most) return 0;
  std::memcpy(data, archive.data(), archive.size());
  return archive.size();
}

}  // namespace larkspur::testing
