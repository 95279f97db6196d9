#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes frame_bytes.txt: what the ffmpeg tool writes for videos that the test of that name makes. Needs the tool
# (Debian 12: 5.1.9) and build/tests/readers_tests. usage, from the root: tests/data/frame_bytes.sh
set -e
folder=$(mktemp -d); names=$folder/names; figures=tests/data/frame_bytes.txt
{
    echo h264-yuv420p-340x16.mp4  # the first is in every run: Kinetics-400 is handed round in this width
    for w in $(seq 1 256); do echo h264-yuv444p-${w}x$((w % 2 ? 17 : 16)).mp4; done
    for w in $(seq 2 2 256); do echo h264-yuv420p-${w}x16.mp4; echo h264-yuv422p-${w}x$((w % 4 ? 17 : 16)).mp4; done
    for w in 320 352 360 384 400 426 454 468 480 512 568 640 720 854 960 1024 1280 1366 1440 1600 1920; do
        echo h264-yuv420p-${w}x32.mp4
    done
    for s in 340x256 276x18 212x64; do for f in yuv420p yuv422p yuv444p; do
        echo hevc-$f-$s.mp4; echo vp9-$f-$s.webm
    done; done
    for s in 340x256 341x17 149x18 85x51 20x16; do
        echo mpeg4-yuv420p-$s.mp4; echo mpeg2-yuv420p-$s.mkv; echo vp9-yuv420p-$s.mkv
        for f in yuvj420p yuvj422p yuvj444p; do echo mjpeg-$f-$s.mov; done
    done
} > "$names"
LARKSPUR_SOURCE=$PWD LARKSPUR_FRAME_BYTES=$names LARKSPUR_KEEP_VIDEOS=$folder \
    build/tests/readers_tests --gtest_brief=1 --gtest_filter='*FrameBytesTest*'
echo "# CRC-32 of what ffmpeg -fps_mode passthrough -pix_fmt rgb24 writes; made by frame_bytes.sh" > $figures
while read -r name; do
    crc=$(ffmpeg -nostdin -v error -i "$folder/$name" -map 0:v -fps_mode passthrough \
        -c:v rawvideo -pix_fmt rgb24 -f hash -hash crc32 -)
    echo "$name ${crc#*=}"
done < "$names" >> $figures
rm -r "$folder"
