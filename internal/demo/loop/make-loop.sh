#!/bin/sh
# Makes the pre-encoded loop that the demo publishes: loop.h264 (Annex B with access unit delimiters) and
# loop.ogg (Opus in Ogg). Both last exactly SECONDS_LONG, so that they stay together over any number of rounds.
#
# Everything that is drawn has a period that divides the length of the loop: the end meets the beginning
# without a jump. Picture: a slow field of light, a bar that sweeps, a dial whose hand goes round once per
# loop, a marker that jumps each second, a clock. Sound: a soft chord, and a beep on each second.
#
# Needs ffmpeg with libx264 and libopus, and the DejaVu fonts (Debian: ffmpeg fonts-dejavu-core).
set -eu
cd "$(dirname "$0")"

SECONDS_LONG=12
RATE=30
WIDTH=1280
HEIGHT=720
FONT=/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf
MONO=/usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf
T="2*PI*T/$SECONDS_LONG" # one turn per loop

# The field is drawn small and scaled up: it is soft, so nobody sees that, and geq is slow.
field="nullsrc=s=160x90:r=$RATE:d=$SECONDS_LONG,format=yuv444p,geq=\
lum='64+22*sin($T+X/38)+16*cos(2*$T-Y/21)':\
cb='142+14*sin($T+Y/30)':\
cr='118+12*cos($T-X/45)',scale=$WIDTH:$HEIGHT:flags=bicubic"

# A dial: a ring, and a hand that goes round once per loop (0 at the top, clockwise).
a="mod(atan2(X-130,130-Y)-$T+4*PI,2*PI)"
r="hypot(X-130,Y-130)"
dial="nullsrc=s=260x260:r=$RATE:d=$SECONDS_LONG,format=yuva444p,geq=\
lum='if(lt($r,112),60+150*exp(-(2*PI-$a)*1.6),235)':\
cb='if(lt($r,112),150,128)':cr='if(lt($r,112),108,128)':\
a='if(lt($r,112),200,if(lt($r,120),255,0))'"

bar="color=c=0xF2B84B:s=26x150:r=$RATE:d=$SECONDS_LONG"
dot="color=c=0xFFFFFF:s=40x10:r=$RATE:d=$SECONDS_LONG"

ffmpeg -hide_banner -loglevel error -y \
  -filter_complex "
    $field[f]; $dial[d]; $bar[b]; $dot[s];
    [f][b]overlay=x='(W-w)/2+(W-w)/2*sin(4*PI*t/$SECONDS_LONG)':y=H-h-60[fb];
    [fb][d]overlay=x=W-w-70:y=70[fd];
    [fd][s]overlay=x='90+mod(floor(t),$SECONDS_LONG)*92':y=H-40[fs];
    [fs]drawtext=fontfile=$FONT:text='Proscenium':x=90:y=90:fontsize=92:fontcolor=white,
    drawtext=fontfile=$FONT:text='welcome to the stage':x=94:y=200:fontsize=36:fontcolor=white@0.75,
    drawtext=fontfile=$MONO:text='%{eif\:floor(t)\:d\:2}.%{eif\:mod(floor(t*10)\,10)\:d}':x=94:y=290:fontsize=120:fontcolor=0xF2B84B,
    format=yuv420p[v]" \
  -map '[v]' -t $SECONDS_LONG -c:v libx264 -preset veryslow -profile:v baseline -level 3.1 -threads 1 \
  -b:v 520k -maxrate 700k -bufsize 700k \
  -x264-params "keyint=$RATE:min-keyint=$RATE:scenecut=0:bframes=0:ref=1:aud=1:repeat-headers=1:sliced-threads=0:slices=1" \
  -bsf:v filter_units=remove_types=6 -f h264 loop.h264

beep="0.12*sin(2*PI*880*t)*lt(mod(t,1),0.09)*sin(PI*min(mod(t,1)/0.09,1))"
chord="0.02*(sin(2*PI*220*t)+sin(2*PI*277*t)+sin(2*PI*330*t))*(0.7+0.3*sin(2*PI*t/$SECONDS_LONG))"
ffmpeg -hide_banner -loglevel error -y \
  -f lavfi -i "aevalsrc='$beep+$chord':s=48000:d=$SECONDS_LONG" \
  -c:a libopus -b:a 32k -ac 1 -frame_duration 20 -application audio -map_metadata -1 loop.ogg

ls -l loop.h264 loop.ogg
