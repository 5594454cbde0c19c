//! The containers of the scripted engine.

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use s2i_build::{
    BuildContext, Container, EngineError,
    event::{Event, Output, Phase, Progress},
    ports::{Commit, Committed, Content, Files, Input, Operation, Program},
    stream::ArchiveStream,
};
use s2i_core::{
    ContainerPath,
    wire::{Exit, Failure},
};

use crate::engine::ScriptedEngine;

/// Reads an input to its end.
pub(crate) async fn take(
    into: &ContainerPath,
    mut archive: ArchiveStream<'_>,
) -> Result<Vec<u8>, EngineError> {
    let mut bytes = Vec::new();
    while let Some(piece) = archive.next().await {
        let piece = piece.map_err(|source| EngineError::Input {
            into: into.clone(),
            source,
        });
        bytes.extend(piece?);
    }
    Ok(bytes)
}

/// A container of the scripted engine.
pub struct ScriptedContainer {
    pub(crate) engine: ScriptedEngine,
    pub(crate) uid: u32,
    pub(crate) image: String,
    pub(crate) has_artifacts: bool,
    pub(crate) has_source: bool,
}

impl ScriptedContainer {
    fn exit(&self) -> Exit {
        let exit = self.engine.model().exits.get(&self.image).copied();
        exit.unwrap_or(Exit::Code(0))
    }
}

impl Container for ScriptedContainer {
    fn uid(&self) -> u32 {
        self.uid
    }

    fn has_artifacts(&self) -> bool {
        self.has_artifacts
    }

    fn has_source(&self) -> bool {
        self.has_source
    }

    async fn identify(
        &mut self,
        user: &str,
        context: BuildContext<'_>,
    ) -> Result<u32, EngineError> {
        self.engine
            .operation("identify", Operation::LookAtContainer, user)?;
        ScriptedEngine::interrupted(context.cancel)?;
        let uid = self.engine.uid_of(user);
        Ok(uid.unwrap_or_default())
    }

    async fn unpack(
        &mut self,
        input: Input<'_>,
        context: BuildContext<'_>,
    ) -> Result<(), EngineError> {
        self.engine.operation(
            "unpack into",
            Operation::LookAtContainer,
            input.into.as_str(),
        )?;
        match input.content {
            Content::Tree(tree) => {
                let archive = take(&input.into, tree.into_archive()).await?;
                self.engine.model().trees.push(archive);
            }
            Content::Archive(archive) => drop(take(&input.into, archive).await?),
        }
        ScriptedEngine::interrupted(context.cancel)
    }

    async fn inject(
        &mut self,
        into: &ContainerPath,
        archive: ArchiveStream<'_>,
        context: BuildContext<'_>,
    ) -> Result<(), EngineError> {
        self.engine
            .operation("inject into", Operation::LookAtContainer, into.as_str())?;
        take(into, archive).await?;
        ScriptedEngine::interrupted(context.cancel)
    }

    async fn exec(
        &mut self,
        program: &Program,
        context: BuildContext<'_>,
    ) -> Result<Exit, EngineError> {
        self.engine
            .operation("exec", Operation::LookAtContainer, &program.argv.join(" "))?;
        self.engine.model().programs.push(program.clone());
        ScriptedEngine::interrupted(context.cancel)?;
        if let Some(kind) = self.engine.model().refusals.get(&self.image) {
            let failure = Failure {
                kind: *kind,
                message: "the test made it fail".into(),
            };
            let image = self.image.parse().expect("it was the name of an image");
            return Err(EngineError::Container { image, failure });
        }
        let output = b"hello from the script\n".to_vec();
        context.progress.send(Event::Output(Output::Stdout, output));
        Ok(self.exit())
    }

    fn exec_archive<'a>(
        &'a mut self,
        program: &Program,
        _progress: &'a Progress<'_>,
    ) -> ArchiveStream<'a> {
        let started = self.engine.operation(
            "stream",
            Operation::LookAtContainer,
            &program.argv.join(" "),
        );
        self.engine.model().programs.push(program.clone());
        let end = match (started, self.exit()) {
            (Err(err), _) => Err(std::io::Error::other(err)),
            (Ok(()), Exit::Code(0)) => Ok(Bytes::from_static(&[0; 1024])),
            (Ok(()), exit) => Err(std::io::Error::other(EngineError::ProgramFailed {
                program: program.argv.join(" "),
                image: self.image.parse().expect("it was the name of an image"),
                exit,
            })),
        };
        let pieces = [Ok(Bytes::from_static(&[0; 512])), end];
        stream::iter(pieces).boxed()
    }

    fn read(&mut self, files: Files) -> ArchiveStream<'_> {
        let names: Vec<_> = files
            .items
            .iter()
            .map(|item| format!("{} as {}", item.path, item.name))
            .collect();
        let read = self
            .engine
            .operation("read", Operation::Read, &names.join(", "));
        stream::once(async {
            read.map(|()| Bytes::from_static(&[0; 1024]))
                .map_err(std::io::Error::other)
        })
        .boxed()
    }

    async fn read_file(
        &mut self,
        path: &ContainerPath,
        _context: BuildContext<'_>,
    ) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.engine.model().files.get(path.as_str()).cloned())
    }

    async fn commit(
        &mut self,
        commit: &Commit,
        context: BuildContext<'_>,
    ) -> Result<Committed, EngineError> {
        context.progress.phase(Phase::Commit);
        self.engine
            .operation("commit", Operation::CommitContainer, &self.image)?;
        ScriptedEngine::interrupted(context.cancel)?;
        let mut model = self.engine.model();
        model.labels.push(commit.config.labels.clone());
        match &commit.tag {
            Some(tag) => model.tags.push(tag.to_string()),
            None => model.unnamed += 1,
        }
        drop(model);
        Ok(Committed {
            id: "sha256:made".into(),
            size: 1,
            labels: commit.config.labels.clone(),
        })
    }

    async fn discard(self) -> Result<(), EngineError> {
        self.engine
            .operation("discard", Operation::RemoveContainer, &self.image)?;
        self.engine.model().containers -= 1;
        Ok(())
    }
}
