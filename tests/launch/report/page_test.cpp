// SPDX-License-Identifier: Apache-2.0
#include "launch/report/page.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "tests/support/report_page.h"

namespace larkspur::launch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ReportPage, HasStyleScriptsAndOnePlaceForData) {
  const std::string frame(page_template());
  for (const char* gone : {"%STYLE%", "%CHARTS%", "%SCRIPT%"})
    EXPECT_THAT(frame, Not(HasSubstr(gone)));
  const std::size_t place = frame.find("%DATA%");
  ASSERT_NE(place, std::string::npos);
  EXPECT_EQ(frame.find("%DATA%", place + 1), std::string::npos);
  for (const char* part :
       {"prefers-color-scheme", "function confusionPicture(", "function main()"}) {
    EXPECT_THAT(frame, HasSubstr(part));
  }
}

TEST(ReportPage, AsksNoNetworkAndForbidsItself) {
  const std::string page = fill_page({{"title", "x"}});
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  for (const char* link : {" src=\"", "url(", "@import", "fetch(", "innerHTML", "https:"}) {
    EXPECT_THAT(page, Not(HasSubstr(link))) << link;
  }
}

TEST(ReportPage, NoTextEndsTheElementTheDataStandIn) {
  const std::string name = "</script><script>alert(1)</script><!-- %DATA% & \" \\ \xe2\x80\xa8 \n";
  const std::string page = fill_page({{"title", name}});
  EXPECT_THAT(page, Not(HasSubstr("alert(1)</script>")));
  EXPECT_EQ(testing::data_of_page(page)["title"], name);
  EXPECT_EQ(testing::count_of(page, "</script>"), 2);  // the data's and the scripts' own
}

TEST(ReportPage, BytesThatAreNoTextAreReplaced) {
  const std::string page = fill_page({{"title", "a\xff"}});
  EXPECT_EQ(testing::data_of_page(page)["title"], "a\xef\xbf\xbd");
}

}  // namespace
}  // namespace larkspur::launch
