/** A Dockerfile with its context, built by everybody who knows its syntax. */
export interface BuildCase {
  readonly name: string;
  /** A shell script that makes the context in its working directory. */
  readonly context: string;
  readonly dockerfile: string;
  /** The ones besides Virga. */
  readonly by: readonly ("docker" | "buildah")[];
  /** Built before it, by name. */
  readonly after?: string;
}

const everybody = ["docker", "buildah"] as const;

export const buildCases: readonly BuildCase[] = [
  {
    name: "destinations",
    context:
      "mkdir -p d/sub e; echo a >a; echo b >b.txt; echo c >c.txt; echo x >d/x; echo y >d/sub/y; echo z >'e/a b'",
    dockerfile: `FROM localhost/box:1
WORKDIR /w
COPY a name
COPY a folder/
COPY a b.txt two/
COPY *.txt /globbed/
COPY d .
COPY d /new
COPY d/ /slash/
COPY ["e/a b", "/with space/"]
COPY d/sub/../x /dots
ADD a /added/deep/er/a
COPY . /all/
COPY ?.txt /question/
WORKDIR rel/ative
COPY a .
RUN rm -rf /all/e && mkdir -p /tmp/t
`,
    by: everybody,
  },
  {
    name: "links, modes and owners",
    context: `mkdir -p d/empty; echo f >d/f; ln d/f d/hard; ln -s f d/soft; ln -s /etc/passwd d/absolute; ln -s nowhere d/dangling
      echo s >d/setuid; chmod 4755 d/setuid; chmod 1777 d/empty; chmod 600 d/f; ln -s d/f to-f; echo z >file; chmod 751 d`,
    dockerfile: `FROM localhost/box:1
RUN mkdir -p /real /locked && ln -s /real /link && chmod 700 /locked && chown 1000:1000 /locked
COPY d /d
COPY to-f /followed
COPY file /link/file
COPY --chown=web d /web
COPY --chown=1000:0 file /owned/deep/file
COPY --chown=7 file /seven
COPY d/empty /locked
USER web
WORKDIR /made/by/web
COPY file .
`,
    by: everybody,
  },
  {
    name: "archives",
    context: `mkdir -p in/dir; echo f >in/dir/f; chmod 640 in/dir/f; chown 12:34 in/dir/f; ln -s f in/dir/l; ln in/dir/f in/dir/h
      tar -C in -cf a.tar .; tar -C in -czf b.tgz dir; tar -C in -cjf c.tar.bz2 dir; tar -C in -cJf d.tar.xz dir
      echo plain | gzip >plain.gz; : >empty.tar.gz; rm -r in`,
    dockerfile: `FROM localhost/box:1
ADD a.tar /a
ADD b.tgz /b/
ADD c.tar.bz2 d.tar.xz /cd/
ADD plain.gz empty.tar.gz /as-is/
COPY a.tar /copied/
RUN mkdir /over && echo old >/over/old && mkdir /over/dir && echo old >/over/dir/f
ADD b.tgz /over
`,
    by: everybody,
  },
  {
    name: "stages",
    context: "echo a >a; echo b >b",
    dockerfile: `ARG BASE=box:1
FROM localhost/$BASE AS one
RUN mkdir -p /out/sub && echo 1 >/out/f && ln /out/f /out/hard && ln -s f /out/soft && chown -R 5:6 /out && chmod 2750 /out/sub
COPY --chown=8:9 a /out/a
FROM one AS two
RUN rm /out/f && echo two >/out/two
FROM scratch AS three
COPY a /only
FROM localhost/box:1
COPY --from=one /out /from-one
COPY --from=one /out/soft /soft
COPY --from=two /out/ /from-two/
COPY --from=2 / /three/
COPY --from=localhost/box:1 /etc/passwd /passwd
COPY --from=one --chown=web:0 /out /given
`,
    by: everybody,
  },
  {
    name: "what steps take away",
    context: "mkdir -p d; echo 1 >d/1; echo 2 >d/2",
    dockerfile: `FROM localhost/box:1
COPY d /d
COPY d /e
COPY d /g
RUN rm /d/1 && rm -r /e && mkdir /e && echo new >/e/new && rm -r /g && echo file >/g
RUN mv /d /moved && chmod 700 /moved && ln -s moved /d
COPY d /moved
`,
    by: everybody,
  },
  {
    name: "variables",
    context: "echo a >a; mkdir v1; echo v >v1/f",
    dockerfile: `ARG TOP=top
FROM localhost/box:1
ARG TOP
ARG A=1 
ARG B=\${A}2
ENV C=$B D="d $A" E='$A' F=\\$A G=\${X:-g} H=\${A:+h} I=\${X:+i}
ENV J=changed K=$J
ENV L $A and more
LABEL l1=$TOP "l 2"="two words" l3=a\\ b
ENV DIR=/dir
WORKDIR $DIR/\${A}
COPY v$A/f $DIR/\${B}/
EXPOSE 80 53/udp 8000-8002/tcp
VOLUME /vol /vol2
VOLUME ["/v 3"]
STOPSIGNAL SIGUSR1
RUN echo "$A $B $C $D $E $F $G $H $I $J $K $L $TOP $TARGETARCH" >/out
USER web:web
CMD echo $A
`,
    by: ["docker"],
  },
  {
    name: "execution parameters",
    context: "true",
    dockerfile:
      `# escape=\`
FROM localhost/box:1
SHELL ["/bin/busybox", "sh", "-c"]
RUN echo one ` +
      "`" +
      `
  # a comment

  two >/out
CMD ["a"]
ENTRYPOINT run me
CMD b c
HEALTHCHECK --interval=5s --timeout=3s --start-period=1m --retries=7 CMD check it
LABEL a=b
MAINTAINER me
ONBUILD COPY a /onbuild/
ONBUILD RUN echo triggered >>/onbuild/a
`,
    by: ["docker"],
  },
  {
    name: "triggers",
    after: "execution parameters",
    context: "echo mine >a",
    dockerfile: "FROM localhost/execution-parameters\nRUN cat /onbuild/a >/seen\n",
    by: ["docker"],
  },
  {
    name: ".dockerignore",
    context: `mkdir -p src/deep node_modules/x docs; touch src/a.ts src/a.log src/deep/b.ts src/deep/b.log keep.log other.log
      touch node_modules/x/y docs/README.md docs/more.md Makefile .hidden; touch src/deep/c.tmp
      printf '%s\\n' '# comment' '*.log' '!keep.log' '**/*.tmp' 'src/**/b.log' node_modules 'docs/*' '!docs/README.md' '/Makefile' >.dockerignore`,
    dockerfile: "FROM localhost/box:1\nCOPY . /all/\nCOPY docs /docs/\nCOPY src/*.log /logs/\n",
    by: everybody,
  },
  {
    name: "what BuildKit added",
    context: `mkdir -p d/sub; echo a >d/a; echo b >d/sub/b; chmod 700 d/a; echo secret >s`,
    dockerfile: `FROM localhost/box:1 AS one
RUN echo one >/one
FROM localhost/box:1
COPY --chmod=640 d /modes/
COPY --chmod=755 --chown=web:web d/a /bin/a
ADD --chmod=600 d/a /added
RUN --mount=type=bind,source=d,target=/m cp -r /m /bound
RUN --mount=type=bind,from=one,source=/one,target=/o cat /o >/from-one
RUN --mount=type=tmpfs,target=/t echo gone >/t/x && ls /t >/listed
RUN --mount=type=cache,target=/c,id=virga-test-c echo kept >>/c/x && wc -l </c/x >/lines
`,
    by: ["buildah"],
  },
  {
    name: "odd archives",
    context: `mkdir -p in/a in/b 'in/spaces and ünïcode'; echo f >in/a/f; ln in/a/f in/b/hard; ln -s ../a/f in/b/soft; mkfifo in/a/pipe
      mknod in/a/null c 1 3; mknod in/b/disk b 7 5; printf x >in/a/sparse; truncate -s 300000 in/a/sparse; printf y >>in/a/sparse
      echo s >in/a/set; chmod 6755 in/a/set; mkdir -m 3777 in/sticky; long=in/b/$(printf 'd%.0s' $(seq 90)); mkdir -p $long/$long
      echo l >$long/$long/$(printf 'n%.0s' $(seq 200)); ln -s $(printf 't%.0s' $(seq 150)) in/b/far; touch -h -d @1000000 in/a/f in/b/soft; touch -d @2000000.5 in/a
      python3 - <<'END'
import os
os.setxattr("in/a/set", "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))
os.setxattr("in/a/sparse", "user.note", b"kept?")
END
      all="--xattrs --xattrs-include=* --numeric-owner"
      tar $all -C in --format=pax -cf pax.tar .; tar -C in --format=gnu -cf gnu.tar .; tar -C in --format=pax -cJf xz.tar.xz a
      tar -C in/a --format=v7 -cf v7.tar f; tar -C in --format=ustar -cjf ustar.tar.bz2 a/f b/hard sticky
      tar -C in -cf slashes.tar --transform 's,^,.//x/././,' a/f; tar -C in -cf root.tar -P --transform 's,^,/abs/,' a/f
      cat v7.tar /dev/zero | head -c 40960 >padded; rm -r in`,
    dockerfile: `FROM localhost/box:1
ADD pax.tar /pax
ADD gnu.tar /gnu
ADD xz.tar.xz /xz
ADD v7.tar /v7
ADD ustar.tar.bz2 /ustar/
ADD slashes.tar root.tar /names/
ADD padded /padded
`,
    by: everybody,
  },
  {
    name: "what steps make",
    context: "true",
    dockerfile: `FROM localhost/box:1
RUN mkdir -p /a /b && echo 1 >/a/f && ln /a/f /b/f && chmod 4711 /a/f && mkfifo /b/pipe
RUN mkdir -m 1777 /sticky && mkdir -m 2775 /grouped && chgrp web /grouped && touch /grouped/inherits && truncate -s 100000 /a/sparse
RUN touch -d @1000000 /a/old && ln -s nowhere /a/link && chown -h web /a/link && chown web:web /b
RUN ln /a/f /b/late && echo more >>/a/f
RUN chmod 600 /a/sparse && chown web /sticky
USER web
RUN id -u >/tmp/web; id -g >>/tmp/web; umask >>/tmp/web; mkdir /tmp/deep && echo $HOME >/tmp/deep/home
USER 1234:5
RUN id -u >/tmp/number; id -g >>/tmp/number
`,
    by: everybody,
  },
  {
    name: "what is there already",
    context: `echo new >file; mkdir -p dir/sub dir/file-there; echo 1 >dir/sub/1; echo 2 >dir/link; echo 3 >dir/plain; ln -s sub dir/newlink; ln -s dir todir; ln -s file tofile
      mkdir over; ln -s /elsewhere over/plain`,
    dockerfile: `FROM localhost/box:1
RUN mkdir -p /d /e/sub /real && echo old >/d/plain && echo kept >/d/kept && ln -s /real/target /d/link && echo real >/real/target && chmod 700 /e/sub
RUN ln -s /real /tolink && ln -s /real/target /filelink && echo old >/onto && chmod 4755 /onto && echo x >/d/newlink
COPY dir /d
COPY dir/ /e/
COPY dir /tolink
COPY file /filelink
COPY file /onto
COPY file /d/sub
COPY todir /fromlink
COPY tofile /named
COPY over /d
COPY dir/newlink /single
`,
    by: everybody,
  },
  {
    name: "owners by name",
    context: "mkdir -p d/e; echo 1 >d/e/f; tar -cf t.tar d",
    dockerfile: `FROM localhost/box:1
RUN echo 'made:x:4321:33::/:/bin/sh' >>/etc/passwd && printf 'crew:x:8765:\\nmade:x:33:\\n' >>/etc/group
COPY --chown=made d /made
COPY --chown=made:crew d /both
COPY --chown=77:crew d /mixed
COPY --chown=made:9 d /other
ADD --chown=made:crew d /added
ADD --chown=made t.tar /tar
`,
    by: everybody,
  },
  {
    name: "exceptions of .dockerignore",
    context: `mkdir -p a/b/c a/keep x/y/z .git/objects 'sp ace' deep/one/two; touch a/b/c/f a/b/keep a/keep/f a/drop x/y/z/f x/y/f x/f .git/HEAD 'sp ace/f' deep/one/two/f deep/one/f deep/f
      touch root.txt r1 r2 '#hash' '!bang' a.b ab 'br[0]' '\\back'
      printf '%s\\n' 'a' '!a/b/c' '!a/keep' 'a/keep/f' '**/z' '!x/y/z/f' ' sp ace ' '.git' '!.git/HEAD' 'r?' '!r2' '\\#hash' '\\!bang' 'a.b' 'br[[]0]' 'deep/**' '!deep/**/two' '' '  # no comment' '!' >.dockerignore; sed -i '$d' .dockerignore`,
    dockerfile: "FROM localhost/box:1\nCOPY . /all/\nCOPY a /a\nCOPY deep /deep/\n",
    by: everybody,
  },
  {
    name: "triggers of triggers",
    after: "execution parameters",
    context: "echo 1 >a; echo 2 >b",
    dockerfile: `FROM localhost/execution-parameters
ONBUILD COPY b /b
ONBUILD RUN cat /onbuild/a /b >/seen
ONBUILD WORKDIR /from/trigger
ONBUILD USER web
`,
    by: ["docker"],
  },
  {
    name: "the grandchild",
    after: "triggers of triggers",
    context: "echo 2 >b",
    dockerfile: "FROM localhost/triggers-of-triggers\nRUN id -un >/tmp/who; pwd >>/tmp/who\n",
    by: ["docker"],
  },
  {
    name: "volumes and folders",
    context: "echo f >f",
    dockerfile: `FROM localhost/box:1
RUN mkdir -m 750 /vol && echo before >/vol/before && chown web /vol
VOLUME /vol
COPY f /vol/copied
RUN echo gone >/vol/after; echo 1 >/done
WORKDIR /made/deep
WORKDIR /vol/inside
WORKDIR /made
RUN pwd >/tmp/where
`,
    by: everybody,
  },
  {
    name: "devices that steps make",
    context: "true",
    dockerfile:
      "FROM localhost/box:1\nRUN mkdir /a && mknod /a/null c 1 3 && mknod -m 640 /a/disk b 7 1 && chown web /a/disk\n",
    // buildah's chroot isolation may make none.
    by: ["docker"],
  },
];
