//! `stagecraft crds`: the custom resource definitions as YAML, on standard output or one file each.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

/// The definitions could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A definition cannot be told as YAML.
    #[error("could not write a definition as YAML")]
    Yaml(#[from] serde_saphyr::SerializeError),
    /// Nobody reads standard output, or the disk is full.
    #[error("could not write to standard output")]
    Output(#[source] io::Error),
    /// The folder or a file in it.
    #[error("could not write {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Writes every definition: to `folder` as `<name>.yaml`, which is made where it is missing, else to standard output as
/// one stream of documents.
///
/// # Errors
///
/// See [`Error`].
pub fn write(folder: Option<&Path>) -> Result<(), Error> {
    let Some(folder) = folder else {
        return io::stdout().write_all(stream()?.as_bytes()).map_err(Error::Output);
    };
    let file = |path: &Path| {
        let path = path.to_owned();
        |source| Error::File { path, source }
    };
    fs::create_dir_all(folder).map_err(file(folder))?;
    for (name, document) in documents()? {
        let path = folder.join(format!("{name}.yaml"));
        fs::write(&path, document).map_err(file(&path))?;
    }
    Ok(())
}

/// All definitions as one stream of YAML documents, as `kubectl apply -f -` takes it.
///
/// # Errors
///
/// [`Error::Yaml`].
pub fn stream() -> Result<String, Error> {
    let documents: Vec<String> = documents()?.into_iter().map(|(_, document)| document).collect();
    Ok(documents.join("---\n"))
}

/// Each definition's name, such as `apistages.stagecraft.dev`, and YAML.
fn documents() -> Result<Vec<(String, String)>, Error> {
    stagecraft_core::api::crds().into_iter().map(document).collect()
}

fn document(definition: CustomResourceDefinition) -> Result<(String, String), Error> {
    let options = serde_saphyr::ser_options! { compact_list_indent: false };
    let yaml = serde_saphyr::to_string_with_options(&definition, options)?;
    Ok((definition.metadata.name.unwrap_or_default(), yaml))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_the_contract_defines() {
        let read: Vec<CustomResourceDefinition> = serde_saphyr::from_multiple(&stream().unwrap()).unwrap();
        assert_eq!(read, stagecraft_core::api::crds());
        assert!(!read.is_empty());
    }

    #[test]
    fn a_folder_gets_one_file_a_definition_and_the_same_ones_each_time() {
        let folder = tempfile();
        write(Some(&folder)).unwrap();
        write(Some(&folder)).unwrap();
        let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        files.sort();
        let mut expected: Vec<std::ffi::OsString> =
            documents().unwrap().into_iter().map(|(name, _)| format!("{name}.yaml").into()).collect();
        expected.sort();
        assert_eq!(files, expected);
        assert!(files.iter().any(|name| name == "apistages.stagecraft.dev.yaml"));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let error = write(Some(Path::new("/dev/null/crds"))).unwrap_err();
        assert_eq!(error.to_string(), "could not write /dev/null/crds");
    }

    fn tempfile() -> PathBuf {
        std::env::temp_dir().join(format!("stagecraft-crds-{}", uuid::Uuid::new_v4()))
    }
}
