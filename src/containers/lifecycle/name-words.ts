/** First halves of generated names: how weather, water and people can be. */
export const adjectives: readonly string[] =
  `airy amber bold brave breezy bright brisk calm candid clear clever cloudless cool cosy crisp curious daring dewy
  eager early earnest easy fair fearless fleet fluent fond fresh frosty gallant gentle glad golden graceful handy happy
  hardy hazy honest humble jolly keen kind lively lofty lucid lucky merry mellow mild misty modest moonlit neat nimble
  noble open patient placid plucky polite proud quick quiet rainy ready rosy serene sharp silver sincere smooth snowy
  soft spry starry steady still stormy sunny swift tender thankful tidy tranquil true upbeat vivid warm wakeful wise
  witty zesty`.split(/\s+/);

/** Second halves: people to whom computing and the study of nature owe something. */
export const surnames: readonly string[] =
  `abel allen babbage backus banach bartik bell bernoulli bohr boole borg boyle brahe cantor carson cauchy cerf church
  codd cocks curie dahl darwin davies diffie dijkstra dirac einstein elion engelbart erdos estrin euclid euler faraday
  feinler fermat fermi feynman floyd fourier franklin galileo galois gauss germain godel goldberg goodall gosling gray
  hamilton hamming hawking hellman hertz hilbert hoare hodgkin holberton hopper huffman hypatia jang joliot jones kay
  keller kepler kilby knuth kovalevskaya lamarr lamport leibniz liskov lovelace maxwell mccarthy meitner mendel milner
  minsky mirzakhani moser napier naur neumann newton nightingale noether noyce nygaard ohm oppenheimer pascal pasteur
  perlman planck poincare postel raman ramanujan riemann ritchie rivest rubin sagan sammet shamir shannon shaw snyder
  spark stallman stroustrup tanenbaum tesla thompson torvalds turing volta wilkes wing wirth wozniak wu yao yonath
  zuse`.split(/\s+/);
