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
];
