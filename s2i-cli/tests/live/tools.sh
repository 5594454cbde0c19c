#!/bin/bash
# What build scripts of projects call. The last line of a passed build is `all tools work`.
set -u
failures=0

# Runs a line in an empty directory of its own, and compares what it writes with the text that is expected.
check() {
    local directory actual
    directory=$(mktemp -d)
    actual=$(cd "$directory" && eval "$2" 2>&1)
    if [[ $actual != "$1" ]]; then
        printf 'the line %s\nwrote %q\ninstead of %q\n' "$2" "$actual" "$1"
        failures=$((failures + 1))
    fi
    rm -rf "$directory"
}

# Shells.
check $'2\ntwo three' 'a=(one "two three"); echo ${#a[@]}; echo "${a[1]}"'
check 'a b' '[[ abc == a* && abc =~ ^(.) ]] && echo ${BASH_REMATCH[1]} b'
check 'a\tb' '/bin/sh -c "echo \"a\\tb\""'
check '1' '/bin/bash -o pipefail -c "false | true; echo \$?"'
check $'mine\nmine\nmine' 'mkdir p; printf "#!/bin/sh\necho mine\n" >p/watch; chmod +x p/watch; PATH=$PWD/p:$PATH; watch; sh -c watch; env watch'

# Files and text.
check $'t/a.js\nt/n/b.js' 'mkdir -p t/n; touch t/a.js t/n/b.js t/c.ts; find t -name "*.js" -print0 | sort -z | xargs -0 -n 1 echo'
check $'0\nx-y' 'echo xoy >f; sed -i.bak s/o/-/ f; grep -c o f; cat f'
check '3 b' 'printf "a 1\nb 2\n" | awk "{ sum += \$2; last = \$1 } END { print sum, last }"'
check 'f: OK' 'echo a >f; sha256sum f >sums; sha256sum -c sums'
check 'failed' 'echo a >f; sha256sum f >sums; echo b >f; sha256sum -c sums >/dev/null 2>&1 || echo failed'
check $'-a\n+b\n1' 'echo a >1; echo b >2; diff -u 1 2 >d; status=$?; grep "^[-+][ab]" d; echo $status'
check '143' 'timeout 1 sleep 9 >/dev/null 2>&1; echo $?'
check $'t/\nt/f\nx' 'mkdir t; echo x >t/f; tar -czf a.tgz t; rm -r t; tar -tf a.tgz; tar -xf a.tgz; cat t/f'
check $'t/\nt/f' 'mkdir -p t/node_modules; touch t/f; tar --sort=name --exclude=node_modules -cf a.tar t; tar tf a.tar'
check 'x' 'echo x | gzip | gunzip'
check 'text' 'printf UEsDBAoAAAAAAAAAIQDjw5QcBAAAAAQAAAABAAAAZnRleHRQSwECHgMKAAAAAAAAACEA48OUHAQAAAAEAAAAAQAAAAAAAAABAAAApIEAAAAAZlBLBQYAAAAAAQABAC8AAAAjAAAAAAA= | base64 -d >a.zip; unzip -q a.zip; cat f'

# What busybox lacks.
check $'755\n640\n755 700' 'echo x >f; install f a; stat -c %a a; install -m 640 -D f b/c; stat -c %a b/c; install -d -m 700 d/e; echo $(stat -c %a d d/e)'
check $'xaa xab xac\nsame' 'seq 2500 >f; split f; echo x*; cat x* | cmp - f && echo same'
check $'30 30 10\nsame' 'head -c 70 /dev/urandom >f; split -b 30 f; echo $(stat -c %s x*); cat x* | cmp - f && echo same'
check $'b\na' 'printf "a\nb\n" >1; printf "b\nc\n" >2; comm -12 1 2; comm -23 1 2'
check 'alive' 'nohup sh -c "kill -HUP \$\$; echo alive"'
check '3015617425 6' 'echo hello | cksum'
check $'A=1\n2\nempty' 'env -i A=1 env; B=2 printenv B; printenv NONE || echo empty'
check 'a b:u' 'printf "#!/usr/bin/env -S A=\"a b\" bash -u\necho \$A:\${-//[^u]/}\n" >s; chmod +x s; ./s'

if [[ $failures -gt 0 ]]; then exit 1; fi
echo 'all tools work'
