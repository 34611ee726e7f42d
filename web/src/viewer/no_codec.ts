// Stands for the compressors of chunked remote volumes, which this page never opens.

export default {
  fromConfig(): never {
    throw new Error("this format is not read by this page");
  },
};
