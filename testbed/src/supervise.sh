# Ends a control plane's processes and removes its data when the process that started them is gone, however it went:
# a killed parent cannot clean up, but the kernel closes its end of our stdin.
#
# $1: the data folder. stdin: the processes' group, then "ended" if the parent has ended them itself, then end of file.
# stdout: kept open until we are done. The leader of the group reads it, so the group's number stays taken until then.
trap '' HUP INT TERM
folder=$1
group='' word=''
read -r group
read -r word
if [ -n "$group" ] && [ "$word" != ended ]; then
    kill -s KILL -- "-$group"
    # A process that still dies may still write. Ten seconds at most: where nobody reaps orphans they stay as zombies.
    tries=0
    while kill -s 0 -- "-$group" && [ "$tries" -lt 100 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
fi
rm -rf -- "$folder"
