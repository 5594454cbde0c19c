//! Objects of Kubernetes, OpenShift, Tekton, Shipwright and KubeSphere that build and run images from source.
